// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether packages are what they promise: a whole one passes, no byte of it can
//! change, and the same tree gives the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::{Options, Package, assemble, verify};
use crate::outcome::Outcome;
use crate::screen;
use crate::toolchain::Compiler;
use crate::workspace::{DRIVERS, Workspace, image, output, succeeds};
use crate::{build, program};

/// A package passes, and fails with the name of the file whichever is changed,
/// gone or too many.
pub(crate) fn is_watertight(workspace: &Workspace) -> Result<bool> {
    let room = TempDir::new_in(workspace.target())?;
    let options = Options {
        into: Some(room.path().join("package")),
        ..Options::default()
    };
    let Some(package) = assemble(workspace, &options)? else {
        return Ok(false);
    };
    let mut trial = Trial {
        package: &package,
        passed: true,
    };
    trial.expect(None, "a whole package")?;
    for name in package.files() {
        trial.change(name)?;
    }
    let other = "provider.sys.orig";
    let path = package.directory().join(other);
    fs::write(&path, "")?;
    trial.expect(Some(other), "a file more")?;
    fs::remove_file(path)?;
    trial.expect(None, "the package as it was")?;
    Ok(trial.passed)
}

struct Trial<'a> {
    package: &'a Package,
    passed: bool,
}

impl Trial<'_> {
    /// Changes a byte at both ends and in the middle of a file, then takes it
    /// away.
    fn change(&mut self, name: &str) -> Result<()> {
        let path = self.package.directory().join(name);
        let bytes = fs::read(&path)?;
        for place in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            fs::write(&path, changed)?;
            self.expect(Some(name), &format!("byte {place} of {name} changed"))?;
        }
        fs::remove_file(&path)?;
        self.expect(Some(name), &format!("{name} gone"))?;
        Ok(fs::write(&path, bytes)?)
    }

    /// The verdict names this file, or no fault at all.
    fn expect(&mut self, file: Option<&str>, what: &str) -> Result<()> {
        let verdict = verify::verdict(self.package.directory())?;
        let named = file.is_none_or(|file| verdict.faults.iter().any(|fault| fault.file == file));
        if verdict.passed != file.is_none() || !named {
            let faults = verdict.faults.iter().map(ToString::to_string);
            let faults = faults.collect::<Vec<_>>().join("; ");
            screen::error(format!("{what}: it was found that [{faults}]"));
            self.passed = false;
        }
        Ok(())
    }
}

/// A driver that is built again is the same, although the compiler's temporary
/// files are others.
pub(crate) fn builds_alike_again(workspace: &Workspace) -> Result<bool> {
    let first = Built::of(workspace)?;
    let mut clean = build::cargo(workspace, "clean", &Compiler::find()?, &DRIVERS)?;
    if !succeeds(&mut clean)? || build::drivers(workspace)? != Outcome::Done {
        return Ok(false);
    }
    Ok(first.is_same_as(&Built::of(workspace)?))
}

/// Drivers and program are the same if they are built from another directory, with
/// nothing of this one's.
pub(crate) fn builds_alike_elsewhere(workspace: &Workspace) -> Result<bool> {
    let room = TempDir::new_in(workspace.target())?;
    let elsewhere = Workspace::at(
        room.path().join("another/place/for/the/tree"),
        room.path().join("built"),
    );
    copy_tree(workspace.root(), elsewhere.root())?;
    let Some(here) = whole(workspace)? else {
        return Ok(false);
    };
    let Some(there) = whole(&elsewhere)? else {
        return Ok(false);
    };
    Ok(here.is_same_as(&there))
}

fn whole(workspace: &Workspace) -> Result<Option<Built>> {
    if build::drivers(workspace)? != Outcome::Done {
        return Ok(None);
    }
    let Some(program) = program::build(workspace)? else {
        return Ok(None);
    };
    let mut built = Built::of(workspace)?;
    built.add(&program)?;
    Ok(Some(built))
}

/// Files that were built, by name.
struct Built(Vec<(String, Vec<u8>)>);

impl Built {
    /// The drivers of a workspace and their .pdb.
    fn of(workspace: &Workspace) -> Result<Self> {
        let mut built = Self(Vec::new());
        for driver in DRIVERS.map(image) {
            for kind in ["sys", "pdb"] {
                built.add(&workspace.drivers().join(&driver).with_extension(kind))?;
            }
        }
        Ok(built)
    }

    fn add(&mut self, path: &Path) -> Result<()> {
        let name = path.file_name().unwrap_or_default();
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        self.0.push((name.to_string_lossy().into_owned(), bytes));
        Ok(())
    }

    fn is_same_as(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        let differing = pairs
            .filter(|(one, other)| one != other)
            .map(|((name, _), _)| name.as_str())
            .collect::<Vec<_>>();
        if !differing.is_empty() {
            screen::error(format!(
                "{} differ although the tree is the same",
                differing.join(", ")
            ));
        }
        differing.is_empty()
    }
}

/// Copies what git knows of the tree or would take in.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.arg("-C").arg(from);
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    for name in output(&mut git)?.lines() {
        let (from, to) = (from.join(name), to.join(name));
        // What was deleted is still known until it is committed.
        if from.is_file() {
            fs::create_dir_all(to.parent().map_or_else(PathBuf::new, Path::to_owned))?;
            fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        }
    }
    Ok(())
}
