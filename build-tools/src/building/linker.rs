// SPDX-License-Identifier: MIT OR Apache-2.0

//! A wrapper of `lld-link` for rustc: the same tree gives the same .pdb, and so the
//! same image, in every directory.
//!
//! # Design
//!
//! A .pdb contains the linker's command line and the paths of its inputs; those of
//! rustc include a temporary directory and the target directory. This program, called
//! by the linker's name, links all inputs by symbolic links with short names in a
//! directory of its own, and moves the outputs to where rustc expects them, images with
//! their checksum. Source paths are relative to the workspace.
//!
//! # Limits
//!
//! Needs symbolic links. On Windows rustc calls Microsoft's linker directly.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use driver_image::DriverImage;
use tempfile::TempDir;

use crate::workspace::{artifact, succeeds};

/// The name of the linker, and of this program when it is called as the linker.
const NAME: &str = "lld-link";

/// Options whose value is an output file.
const OUTPUTS: [&str; 3] = ["/OUT", "/IMPLIB", "/PDB"];

/// Returns `true` if this program was called as the linker.
pub(crate) fn is_called() -> bool {
    let called = env::args_os().next().map(PathBuf::from);
    called.is_some_and(|called| called.file_name() == Some(OsStr::new(NAME)))
}

/// The path in `directory` by which this program is called as the linker.
pub(crate) fn path(directory: &Path) -> Result<PathBuf> {
    let path = directory.join(NAME);
    let program = in_place(env::current_exe()?);
    if fs::read_link(&path).ok().as_ref() != Some(&program) {
        // Replaced atomically: another build may be calling it.
        let making = TempDir::new_in(directory)?;
        let link = making.path().join(NAME);
        symlink(&program, &link)
            .and_then(|()| fs::rename(&link, &path))
            .with_context(|| format!("{} cannot be made: free the path", path.display()))?;
    }
    Ok(path)
}

/// The path of this program, or of the one that a build has put in its place: Linux
/// appends "(deleted)" to the path of a removed file.
fn in_place(program: PathBuf) -> PathBuf {
    let shown = program.to_string_lossy();
    match shown.strip_suffix(" (deleted)") {
        Some(path) if !program.exists() => PathBuf::from(path),
        _ => program,
    }
}

/// Runs the linker as this program's command line says. Returns `true` if it succeeded.
pub(crate) fn run() -> Result<bool> {
    let arguments = env::args().skip(1).collect::<Vec<_>>();
    let output_directory = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("/OUT:"))
        .and_then(|path| Path::new(path).parent());
    let Some(output_directory) = output_directory else {
        bail!("{NAME} is called without /OUT:PATH: rustc always passes it");
    };
    let mut inputs = LinkDirectory::new(output_directory)?;
    let arguments = arguments
        .iter()
        .map(|argument| inputs.linker_argument(argument))
        .collect::<Result<Vec<_>>>()?;
    let mut linker = Command::new(driver_prerequisites::linker()?);
    named(&mut linker)
        .current_dir(inputs.path())
        .args(arguments)
        .arg("/pdbsourcepath:.");
    let succeeded = succeeds(&mut linker)?;
    inputs.set_checksums()?;
    inputs.deliver(output_directory)?;
    Ok(succeeded)
}

/// The directory in which the linker runs: symbolic links to its inputs.
struct LinkDirectory {
    directory: TempDir,
    /// The target of each link, by its name.
    inputs: BTreeMap<String, PathBuf>,
}

impl LinkDirectory {
    fn new(beside: &Path) -> Result<Self> {
        Ok(Self {
            directory: TempDir::new_in(beside)?,
            inputs: BTreeMap::new(),
        })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// An argument of rustc as the linker gets it.
    fn linker_argument(&mut self, argument: &str) -> Result<String> {
        if Path::new(argument).exists() {
            return self.link_input(argument);
        }
        let Some((option, value)) = argument.split_once(':') else {
            return Ok(argument.to_owned());
        };
        if OUTPUTS.contains(&option) {
            return Ok(format!("{option}:{}", name(Path::new(value))));
        }
        if Path::new(value).is_absolute() && Path::new(value).exists() {
            return Ok(format!("{option}:{}", self.link_input(value)?));
        }
        Ok(argument.to_owned())
    }

    /// Links a file or directory, and returns the link's name.
    fn link_input(&mut self, path: &str) -> Result<String> {
        let path = Path::new(path);
        let mut name = name(path);
        while self.inputs.get(&name).is_some_and(|known| known != path) {
            name.insert_str(0, "other-");
        }
        if self.inputs.insert(name.clone(), path.into()).is_none() {
            symlink(path, &self.path().join(&name))?;
        }
        Ok(name)
    }

    /// Sets the checksum of each native image, as `link.exe` does by default: older
    /// versions of `lld-link` cannot.
    fn set_checksums(&self) -> Result<()> {
        for path in self.outputs()? {
            if let Ok(image) = DriverImage::read(&path) {
                fs::write(&path, image.with_checksum())?;
            }
        }
        Ok(())
    }

    /// The files that the linker made.
    fn outputs(&self) -> Result<Vec<PathBuf>> {
        let mut outputs = Vec::new();
        for entry in fs::read_dir(self.path())? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                outputs.push(entry.path());
            }
        }
        Ok(outputs)
    }

    /// Copies the linker's outputs to `wanted`.
    fn deliver(self, wanted: &Path) -> Result<()> {
        for path in self.outputs()? {
            artifact::copy(&path, &wanted.join(name(&path)))?;
        }
        Ok(())
    }
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(unix)]
fn symlink(path: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(path, link)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Calls the linker by its name only: the .pdb contains the linker's path as well.
#[cfg(unix)]
fn named(linker: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt;
    linker.arg0(NAME)
}

#[cfg(not(unix))]
fn named(linker: &mut Command) -> &mut Command {
    linker
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_replaced_is_the_new_one() {
        let gone = PathBuf::from("/target/debug/xtask (deleted)");
        assert_eq!(in_place(gone), Path::new("/target/debug/xtask"));
        let here = env::current_exe().expect("this test");
        assert_eq!(in_place(here.clone()), here);
    }

    #[test]
    fn the_linker_sees_names_only() {
        let tree = tempfile::tempdir().expect("a directory");
        let path = |name: &str| tree.path().join(name).display().to_string();
        for directory in ["a", "b", "out"] {
            fs::create_dir(path(directory)).expect("made");
            fs::write(path(&format!("{directory}/x.o")), directory).expect("written");
        }
        let mut inputs = LinkDirectory::new(&tree.path().join("out")).expect("made");
        let mut rewritten = |argument: &str| inputs.linker_argument(argument).expect("linked");
        assert_eq!(rewritten(&path("a/x.o")), "x.o");
        assert_eq!(rewritten(&path("b/x.o")), "other-x.o");
        assert_eq!(rewritten(&path("a/x.o")), "x.o");
        assert_eq!(rewritten(&format!("/LIBPATH:{}", path("a"))), "/LIBPATH:a");
        let out = format!("/OUT:{}", path("out/driver.dll"));
        assert_eq!(rewritten(&out), "/OUT:driver.dll");
        for option in ["/DEBUG", "/ENTRY:DriverEntry", "/PDBALTPATH:%_PDB%"] {
            assert_eq!(rewritten(option), option);
        }
        let read = |name: &str| fs::read_to_string(inputs.path().join(name)).expect("read");
        assert_eq!([read("x.o"), read("other-x.o")], ["a", "b"]);
    }

    #[test]
    fn what_was_made_is_delivered_and_nothing_else() {
        let tree = tempfile::tempdir().expect("a directory");
        let input = tree.path().join("x.o");
        fs::write(&input, "").expect("written");
        let wanted = tree.path().join("out");
        fs::create_dir(&wanted).expect("made");
        let mut inputs = LinkDirectory::new(&wanted).expect("made");
        inputs
            .linker_argument(&input.display().to_string())
            .expect("linked");
        fs::write(inputs.path().join("driver.pdb"), "new").expect("written");
        inputs.deliver(&wanted).expect("delivered");
        let left = fs::read_dir(&wanted).expect("read").map(|entry| {
            let entry = entry.expect("an entry");
            entry.file_name().to_string_lossy().into_owned()
        });
        assert_eq!(left.collect::<Vec<_>>(), ["driver.pdb"]);
    }
}
