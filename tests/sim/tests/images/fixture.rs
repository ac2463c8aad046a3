// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compiling the modules in `fixtures`, with or without one of their defects.

use std::path::{Path, PathBuf};
use std::process::Command;

use scenarios::{Report, Role};
use tempfile::TempDir;

pub(crate) const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images/fixtures");

/// Where the zoo has the declarations that C modules need.
const ZOO: &str = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/../zoo/include");
/// Where the kit's declarations are, which those of the zoo build on.
const KIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../build-tools/wdk-headers");
/// The options by which a compiler finds both.
pub(crate) const HEADERS: [&str; 3] = [ZOO, "-I", KIT];

/// What fixtures import from, each described by a .def beside them.
pub(crate) const LIBRARIES: [&str; 6] =
    ["ntoskrnl", "runtime", "netio", "wdfldr", "fwpkclnt", "ndis"];

/// A directory with images in it.
pub(crate) struct Workshop(TempDir);

impl Workshop {
    pub(crate) fn new() -> Self {
        let workshop = Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory"));
        for library in LIBRARIES {
            let definition = Path::new(SOURCES).join(library).with_extension("def");
            run(Command::new("llvm-dlltool")
                .args(["-m", "i386:x86-64", "-d"])
                .arg(definition)
                .arg("-l")
                .arg(workshop.path(&format!("{library}.lib"))));
        }
        workshop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The image `name` of an NMR module with these defects.
    pub(crate) fn module(&self, name: &str, role: Role, defects: &[&str]) -> PathBuf {
        let mut defines = defects.to_vec();
        defines.extend((role == Role::Provider).then_some("PROVIDER"));
        self.compile(name, "fixture.c", &defines)
    }

    /// The image `name` of a source with these macros.
    pub(crate) fn compile(&self, name: &str, source: &str, defines: &[&str]) -> PathBuf {
        let image = self.path(name);
        let object = image.with_extension("obj");
        let mut compiler = Command::new("clang");
        compiler
            .args(["--target=x86_64-pc-windows-msvc", "-O1", "-ffreestanding"])
            .args(["-fms-extensions", "-Werror", "-g", "-gcodeview", "-c"])
            .args(HEADERS)
            // Windows demands them; freestanding code does without by default.
            .arg("-funwind-tables")
            .args(defines.iter().map(|define| format!("-D{define}")));
        compiler.arg(Path::new(SOURCES).join(source));
        run(compiler.arg("-o").arg(&object));
        let mut linker = Command::new("lld-link");
        linker
            .args(["/nologo", "/driver", "/nodefaultlib", "/subsystem:native"])
            .args(["/entry:DriverEntry", "/nxcompat", "/dynamicbase", "/debug"])
            .arg(format!("/out:{}", image.display()))
            .arg(object);
        run(linker.args(LIBRARIES.map(|library| self.path(&format!("{library}.lib")))));
        image
    }
}

pub(crate) fn run(command: &mut Command) {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}: run `cargo xtask setup`"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
}

/// Checks the code, the first parameter unless that is 0, and the function of what was found
/// first.
pub(crate) fn check_found(report: &Report, misuse: &str, code: &str, first: u64, function: &str) {
    let Some(found) = report.findings.first() else {
        panic!("{misuse}: nothing was found");
    };
    assert_eq!(found.code, code, "{misuse}: {found}");
    let parameters = found.parameters.unwrap_or_default();
    assert!(first == 0 || parameters[0] == first, "{misuse}: {found:?}");
    let place = found.place.as_ref().map(|place| place.function.as_str());
    assert_eq!(place, Some(function), "{misuse}: {found}");
}
