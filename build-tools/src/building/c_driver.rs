// SPDX-License-Identifier: MIT OR Apache-2.0

//! Drivers in C, compiled with clang and linked with LLVM's linker.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::workspace::output;

/// Makes the import library that a .def file describes.
pub(crate) fn import_library(definition: &Path, library: &Path) -> Result<()> {
    let mut tool = Command::new(driver_prerequisites::dlltool()?);
    tool.args(["-m", "i386:x86-64", "-d"])
        .arg(definition)
        .arg("-l")
        .arg(library);
    output(&mut tool).map(drop)
}

/// A compiler that runs in `directory`, which paths in the debug information begin at.
pub(crate) fn compiler(directory: &Path) -> Command {
    let mut clang = Command::new("clang");
    clang
        .current_dir(directory)
        .args(["--target=x86_64-pc-windows-msvc", "-ffreestanding"])
        // Findings name functions of the source: none is inlined.
        .args(["-O1", "-fno-inline", "-fno-optimize-sibling-calls"])
        .args([
            "-g",
            "-gcodeview",
            "-fdebug-compilation-dir=.",
            "-funwind-tables",
        ])
        .args(["-Wall", "-Werror", "-Wno-unused"]);
    clang
}

/// Compiles `source`.
pub(crate) fn compile(mut compiler: Command, source: &Path, object: &Path) -> Result<()> {
    compiler.arg("-c").arg(source).arg("-o").arg(object);
    output(&mut compiler).map(drop)
}

/// Links an image, with its .pdb beside it.
pub(crate) fn link(image: &Path, inputs: impl IntoIterator<Item = PathBuf>) -> Result<()> {
    let mut linker = Command::new(driver_prerequisites::linker()?);
    linker
        .args(["/nologo", "/driver", "/nodefaultlib", "/subsystem:native"])
        .args(["/entry:DriverEntry", "/nxcompat", "/dynamicbase", "/debug"])
        .arg("/pdbaltpath:%_PDB%")
        .arg(format!("/out:{}", image.display()))
        .args(inputs.into_iter().map(PathBuf::into_os_string));
    output(&mut linker).map(drop)
}
