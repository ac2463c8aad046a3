// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compiling the modules in `fixtures` as mingw-w64's users do: with gcc and GNU's
//! linker, or with clang and lld-link, with DWARF as debug information.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixture::{HEADERS, LIBRARIES, SOURCES, Workshop, run};

/// Who compiles and links, for which version of DWARF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tools {
    Gcc(u8),
    Clang(u8),
}

pub(crate) const TOOLS: [Tools; 4] = [
    Tools::Gcc(4),
    Tools::Gcc(5),
    Tools::Clang(4),
    Tools::Clang(5),
];

impl Tools {
    const fn version(self) -> u8 {
        match self {
            Self::Gcc(version) | Self::Clang(version) => version,
        }
    }
}

/// The program of mingw-w64's binutils or gcc.
pub(crate) fn mingw(program: &str) -> Command {
    Command::new(format!("x86_64-w64-mingw32-{program}"))
}

/// The image `name` of a source with these macros.
pub(crate) fn compile(
    workshop: &Workshop,
    tools: Tools,
    name: &str,
    source: &str,
    defines: &[&str],
) -> PathBuf {
    let image = workshop.path(name);
    let object = image.with_extension("o");
    let mut compiler = match tools {
        Tools::Gcc(_) => {
            let mut gcc = mingw("gcc");
            gcc.arg("-Wno-multichar");
            gcc
        }
        Tools::Clang(_) => {
            let mut clang = Command::new("clang");
            clang.arg("--target=x86_64-w64-windows-gnu");
            clang
        }
    };
    compiler
        .args(["-O1", "-ffreestanding", "-fms-extensions", "-Werror"])
        .args(["-funwind-tables", "-c"])
        .args(HEADERS)
        .arg(format!("-gdwarf-{}", tools.version()))
        .args(defines.iter().map(|define| format!("-D{define}")))
        .arg(Path::new(SOURCES).join(source));
    run(compiler.arg("-o").arg(&object));
    match tools {
        Tools::Gcc(_) => link_with_gnu(workshop, &object, &image),
        Tools::Clang(_) => link_with_lld(workshop, &object, &image),
    }
    image
}

fn link_with_gnu(workshop: &Workshop, object: &Path, image: &Path) {
    let mut linker = mingw("gcc");
    linker
        .args(["-shared", "-nostdlib", "-Wl,--subsystem,native"])
        .args(["-Wl,--entry,DriverEntry", "-Wl,--dynamicbase"])
        .args(["-Wl,--nxcompat", "-o"])
        .arg(image)
        .arg(object);
    for library in LIBRARIES {
        let archive = workshop.path(&format!("lib{library}.a"));
        if !archive.exists() {
            let definition = Path::new(SOURCES).join(library).with_extension("def");
            run(mingw("dlltool")
                .arg("-d")
                .arg(definition)
                .arg("-l")
                .arg(&archive));
        }
        linker.arg(archive);
    }
    run(&mut linker);
}

fn link_with_lld(workshop: &Workshop, object: &Path, image: &Path) {
    let mut linker = Command::new("lld-link");
    linker
        .args(["/nologo", "/driver", "/nodefaultlib", "/subsystem:native"])
        .args(["/entry:DriverEntry", "/nxcompat", "/dynamicbase"])
        .args(["/debug:dwarf"])
        .arg(format!("/out:{}", image.display()))
        .arg(object);
    run(linker.args(LIBRARIES.map(|library| workshop.path(&format!("{library}.lib")))));
}
