// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compiles and links drivers in C for x64, with clang and lld.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::workspace::{artifact, output};

/// The directory of what stands in for the headers of the Windows Driver Kit, in the
/// workspace.
pub(crate) const HEADERS: &str = "build-tools/wdk-headers";

/// Those headers, each with its name.
pub(crate) const KIT_HEADERS: [(&str, &str); 10] = [
    ("wdm.h", include_str!("../../wdk-headers/wdm.h")),
    ("ntddk.h", include_str!("../../wdk-headers/ntddk.h")),
    ("ntifs.h", include_str!("../../wdk-headers/ntifs.h")),
    ("netioddk.h", include_str!("../../wdk-headers/netioddk.h")),
    ("bcrypt.h", include_str!("../../wdk-headers/bcrypt.h")),
    ("fwptypes.h", include_str!("../../wdk-headers/fwptypes.h")),
    ("fwpmk.h", include_str!("../../wdk-headers/fwpmk.h")),
    ("ndis.h", include_str!("../../wdk-headers/ndis.h")),
    ("fwpsk.h", include_str!("../../wdk-headers/fwpsk.h")),
    ("wsk.h", include_str!("../../wdk-headers/wsk.h")),
];

/// Writes the header of the NPI with this description, unless it is there.
pub(crate) fn write_header(description: &Path, header: &Path) -> Result<()> {
    for npi in npi_description::read(&[description])? {
        let text = c_header::text(&npi)?;
        if fs::read(header).is_ok_and(|old| old == text.as_bytes()) {
            continue;
        }
        artifact::write(header, text.as_bytes())?;
    }
    Ok(())
}

/// The file in the workspace that lists what modules import from a library.
pub(crate) fn definition(library: &str) -> String {
    match library {
        "netio" => "build-tools/wdk-build/src/netio.def".to_owned(),
        other => format!("tests/zoo/{other}.def"),
    }
}

/// Makes the import library of the functions that a .def file lists.
pub(crate) fn import_library(definition: &Path, library: &Path) -> Result<()> {
    let mut tool = Command::new(driver_prerequisites::dlltool()?);
    tool.args(["-m", "i386:x86-64", "-d"])
        .arg(definition)
        .arg("-l")
        .arg(library);
    output(&mut tool).map(drop)
}

/// Compiles a source file; `options` are definitions and include paths. Both paths, as
/// those in `options`, may be relative to `directory`, as they are in the .pdb.
pub(crate) fn compile(
    directory: &Path,
    source: &str,
    options: &[impl AsRef<OsStr>],
    object: &Path,
) -> Result<()> {
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
        // Pool tags are characters.
        .args(["-Wall", "-Werror", "-Wno-multichar"])
        .args(options)
        .arg("-c")
        .arg(source)
        .arg("-o")
        .arg(object);
    output(&mut clang).map(drop)
}

/// Links an image, with its .pdb beside it. Objects and libraries are in the directory of the
/// image or its parent: the same image comes from the same sources wherever that is.
pub(crate) fn link(objects: &[PathBuf], libraries: &[PathBuf], image: &Path) -> Result<()> {
    let directory = artifact::directory_of(image);
    let from_there = |file: &Path| {
        let above = || {
            let file = file.strip_prefix(directory.parent()?).ok()?;
            Some(Path::new("..").join(file))
        };
        let beside = file.strip_prefix(directory).ok().map(Path::to_path_buf);
        beside.or_else(above).unwrap_or_else(|| file.to_path_buf())
    };
    let mut linker = Command::new(driver_prerequisites::linker()?);
    linker
        .current_dir(directory)
        .args(["/nologo", "/driver", "/nodefaultlib", "/subsystem:native"])
        .arg("/integritycheck")
        .args(["/entry:DriverEntry", "/nxcompat", "/dynamicbase", "/debug"])
        // The same image each time.
        .arg("/brepro")
        .args(["/pdbaltpath:%_PDB%", "/pdbsourcepath:."])
        .arg(format!("/out:{}", from_there(image).display()))
        .args(objects.iter().map(|it| from_there(it)))
        .args(libraries.iter().map(|it| from_there(it)));
    output(&mut linker).map(drop)
}
