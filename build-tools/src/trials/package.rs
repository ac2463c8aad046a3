// SPDX-License-Identifier: MIT OR Apache-2.0

//! Trials of packages: an intact one passes, any changed byte is detected, and the same
//! tree gives the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::building::{drivers, windows_program};
use crate::packages::{Options, Package, assemble, verdict};
use crate::prerequisites::toolchain::Compiler;
use crate::terminal::{self, Outcome};
use crate::workspace::{DRIVERS, Workspace, image, output, succeeds};

/// An intact package passes; verification names any file that is changed, missing or
/// added.
pub(crate) fn every_change_is_detected(workspace: &Workspace) -> Result<bool> {
    let directory = TempDir::new_in(workspace.target())?;
    let options = Options {
        into: Some(directory.path().join("package")),
        ..Options::default()
    };
    let Some(package) = assemble(workspace, &options)? else {
        return Ok(false);
    };
    let mut trial = VerifierTrial {
        package: &package,
        passed: true,
    };
    trial.expect(None, "an intact package")?;
    for name in package.files() {
        trial.change(name)?;
    }
    let other = "provider.sys.orig";
    let path = package.directory().join(other);
    fs::write(&path, "")?;
    trial.expect(Some(other), "an added file")?;
    fs::remove_file(path)?;
    trial.expect(None, "the restored package")?;
    Ok(trial.passed)
}

/// Changes a package, and checks the verdict on it.
struct VerifierTrial<'a> {
    package: &'a Package,
    passed: bool,
}

impl VerifierTrial<'_> {
    /// Changes the first, middle and last byte of a file, then removes it.
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
        self.expect(Some(name), &format!("{name} removed"))?;
        Ok(fs::write(&path, bytes)?)
    }

    /// Checks that the verdict names `file`, or that it has no fault.
    fn expect(&mut self, file: Option<&str>, what: &str) -> Result<()> {
        let verdict = verdict(self.package.directory())?;
        let named = file.is_none_or(|file| verdict.faults.iter().any(|fault| fault.file == file));
        if verdict.passed != file.is_none() || !named {
            let faults = verdict.faults.iter().map(ToString::to_string);
            let faults = faults.collect::<Vec<_>>().join("; ");
            terminal::error(format!("{what}: the verdict is [{faults}]"));
            self.passed = false;
        }
        Ok(())
    }
}

/// A rebuild gives the same drivers, with other temporary files of the compiler.
pub(crate) fn rebuild_is_identical(workspace: &Workspace) -> Result<bool> {
    let first = Built::of(workspace)?;
    let mut clean = drivers::cargo(workspace, "clean", &Compiler::find()?, &DRIVERS)?;
    if !succeeds(&mut clean)? || drivers::build(workspace)? != Outcome::Done {
        return Ok(false);
    }
    Ok(first.is_same_as(&Built::of(workspace)?))
}

/// A build in another directory gives the same drivers and program.
pub(crate) fn build_elsewhere_is_identical(workspace: &Workspace) -> Result<bool> {
    let directory = TempDir::new_in(workspace.target())?;
    let elsewhere = Workspace::at(
        directory.path().join("another/place/for/the/tree"),
        directory.path().join("built"),
    );
    copy_tree(workspace.root(), elsewhere.root())?;
    let Some(here) = build_all(workspace)? else {
        return Ok(false);
    };
    let Some(there) = build_all(&elsewhere)? else {
        return Ok(false);
    };
    Ok(here.is_same_as(&there))
}

fn build_all(workspace: &Workspace) -> Result<Option<Built>> {
    if drivers::build(workspace)? != Outcome::Done {
        return Ok(None);
    }
    let Some(program) = windows_program::build(workspace)? else {
        return Ok(None);
    };
    let mut built = Built::of(workspace)?;
    built.add(&program)?;
    Ok(Some(built))
}

/// Built files, by name.
struct Built(Vec<(String, Vec<u8>)>);

impl Built {
    /// The drivers of a workspace, with their .pdb files.
    fn of(workspace: &Workspace) -> Result<Self> {
        let mut built = Self(Vec::new());
        for driver in DRIVERS.map(image) {
            for extension in ["sys", "pdb"] {
                built.add(&workspace.drivers().join(&driver).with_extension(extension))?;
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
            terminal::error(format!(
                "{} differ, although the tree is the same",
                differing.join(", ")
            ));
        }
        differing.is_empty()
    }
}

/// Copies all files that git tracks, or would add.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.arg("-C").arg(from);
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    for name in output(&mut git)?.lines() {
        let (from, to) = (from.join(name), to.join(name));
        // A deleted file is tracked until the deletion is committed.
        if from.is_file() {
            fs::create_dir_all(to.parent().map_or_else(PathBuf::new, Path::to_owned))?;
            fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        }
    }
    Ok(())
}
