// SPDX-License-Identifier: MIT OR Apache-2.0

//! `lld-link` for rustc, in such a way that the same tree gives the same .pdb,
//! and so the same image, wherever it is built.
//!
//! # Design
//!
//! A .pdb has the linker's command line and the paths of what was linked; rustc's
//! have a temporary directory in them, and the target directory. This program,
//! called by the name of the linker, shows it all inputs under their mere names,
//! in a directory of its own. What it leaves there goes where rustc wants it.
//! Sources are relative to the workspace.
//!
//! # Limits
//!
//! For hosts with symbolic links. Microsoft's linker is asked by rustc itself.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::artifact;
use crate::outcome::Outcome;
use crate::workspace::succeeds;

/// The name by which this program is the linker, and the linker's own.
const NAME: &str = "lld-link";

/// Options whose value is a file that the linker makes.
const OUTPUTS: [&str; 3] = ["/OUT", "/IMPLIB", "/PDB"];

/// Whether this program was called as the linker.
pub(crate) fn is_meant() -> bool {
    let called = env::args_os().next().map(PathBuf::from);
    called.is_some_and(|called| called.file_name() == Some(OsStr::new(NAME)))
}

/// This program as the linker, at a path in `directory` that stays the same.
pub(crate) fn path(directory: &Path) -> Result<PathBuf> {
    let path = directory.join(NAME);
    let program = in_place(env::current_exe()?);
    if fs::read_link(&path).ok().as_ref() != Some(&program) {
        // A linker that is at work elsewhere must not miss it.
        let making = TempDir::new_in(directory)?;
        let link = making.path().join(NAME);
        show(&program, &link)
            .and_then(|()| fs::rename(&link, &path))
            .with_context(|| format!("{} cannot be made: free the path", path.display()))?;
    }
    Ok(path)
}

/// Where this program is, or the one that a build has put in its place: Linux says
/// of a file that is gone that it is deleted.
fn in_place(program: PathBuf) -> PathBuf {
    let shown = program.to_string_lossy();
    match shown.strip_suffix(" (deleted)") {
        Some(path) if !program.exists() => PathBuf::from(path),
        _ => program,
    }
}

/// Links as the command line says.
pub(crate) fn run() -> Result<Outcome> {
    let arguments = env::args().skip(1).collect::<Vec<_>>();
    let wanted = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("/OUT:"))
        .and_then(|path| Path::new(path).parent());
    let Some(wanted) = wanted else {
        bail!("{NAME} is called without /OUT:PATH: this is not how rustc does it");
    };
    let mut room = Room::new(wanted)?;
    let arguments = arguments
        .iter()
        .map(|argument| room.shown(argument))
        .collect::<Result<Vec<_>>>()?;
    let mut linker = Command::new(driver_parts::linker()?);
    named(&mut linker)
        .current_dir(room.path())
        .args(arguments)
        .arg("/pdbsourcepath:.");
    let succeeded = succeeds(&mut linker)?;
    room.deliver(wanted)?;
    Ok(if succeeded {
        Outcome::Done
    } else {
        Outcome::Found
    })
}

/// The directory in which the linker runs.
struct Room {
    directory: TempDir,
    /// What is shown in it, and where that is.
    inputs: BTreeMap<String, PathBuf>,
}

impl Room {
    fn new(beside: &Path) -> Result<Self> {
        Ok(Self {
            directory: TempDir::new_in(beside)?,
            inputs: BTreeMap::new(),
        })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// An argument as the linker gets it.
    fn shown(&mut self, argument: &str) -> Result<String> {
        if Path::new(argument).exists() {
            return self.input(argument);
        }
        let Some((option, value)) = argument.split_once(':') else {
            return Ok(argument.to_owned());
        };
        if OUTPUTS.contains(&option) {
            return Ok(format!("{option}:{}", name(Path::new(value))));
        }
        if Path::new(value).is_absolute() && Path::new(value).exists() {
            return Ok(format!("{option}:{}", self.input(value)?));
        }
        Ok(argument.to_owned())
    }

    /// Shows a file or directory; answers its name here.
    fn input(&mut self, path: &str) -> Result<String> {
        let path = Path::new(path);
        let mut name = name(path);
        while self.inputs.get(&name).is_some_and(|known| known != path) {
            name.insert_str(0, "other-");
        }
        if self.inputs.insert(name.clone(), path.into()).is_none() {
            show(path, &self.path().join(&name))?;
        }
        Ok(name)
    }

    /// Puts what the linker has made where it is wanted.
    fn deliver(self, wanted: &Path) -> Result<()> {
        for entry in fs::read_dir(self.path())? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                artifact::copy(&entry.path(), &wanted.join(entry.file_name()))?;
            }
        }
        Ok(())
    }
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(unix)]
fn show(path: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(path, link)
}

#[cfg(not(unix))]
fn show(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The .pdb also has the linker's own path.
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
        let mut room = Room::new(&tree.path().join("out")).expect("a room");
        let mut shown = |argument: &str| room.shown(argument).expect("shown");
        assert_eq!(shown(&path("a/x.o")), "x.o");
        assert_eq!(shown(&path("b/x.o")), "other-x.o");
        assert_eq!(shown(&path("a/x.o")), "x.o");
        assert_eq!(shown(&format!("/LIBPATH:{}", path("a"))), "/LIBPATH:a");
        let out = format!("/OUT:{}", path("out/driver.dll"));
        assert_eq!(shown(&out), "/OUT:driver.dll");
        for option in ["/DEBUG", "/ENTRY:DriverEntry", "/PDBALTPATH:%_PDB%"] {
            assert_eq!(shown(option), option);
        }
        let read = |name: &str| fs::read_to_string(room.path().join(name)).expect("read");
        assert_eq!([read("x.o"), read("other-x.o")], ["a", "b"]);
    }

    #[test]
    fn what_was_made_is_delivered_and_nothing_else() {
        let tree = tempfile::tempdir().expect("a directory");
        let input = tree.path().join("x.o");
        fs::write(&input, "").expect("written");
        let wanted = tree.path().join("out");
        fs::create_dir(&wanted).expect("made");
        let mut room = Room::new(&wanted).expect("a room");
        room.shown(&input.display().to_string()).expect("shown");
        fs::write(room.path().join("driver.pdb"), "new").expect("written");
        room.deliver(&wanted).expect("delivered");
        let left = fs::read_dir(&wanted).expect("read").map(|entry| {
            let entry = entry.expect("an entry");
            entry.file_name().to_string_lossy().into_owned()
        });
        assert_eq!(left.collect::<Vec<_>>(), ["driver.pdb"]);
    }
}
