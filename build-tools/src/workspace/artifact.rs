// SPDX-License-Identifier: MIT OR Apache-2.0

//! Output files, written atomically; the name `-` stands for standard output.
//!
//! A device or a pipe is written to as it is, and a symbolic link stays: only a regular file
//! is replaced.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::terminal;

/// The names of standard output: our own, and those of the system.
const STDOUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

fn is_stdout(path: &Path) -> bool {
    STDOUT.into_iter().any(|name| path == Path::new(name))
}

/// Returns `true` if `path` leads to a device, a pipe or the like.
fn is_special(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|it| !it.is_file() && !it.is_dir())
}

/// The place that `path` leads to, the same for all its spellings; `None` if several files
/// may be written there.
pub(super) fn place_of(path: &Path) -> Option<PathBuf> {
    if is_stdout(path) || is_special(path) {
        return None;
    }
    let file = fs::canonicalize(path).ok();
    let in_directory = || {
        Some(
            fs::canonicalize(directory_of(path))
                .ok()?
                .join(path.file_name()?),
        )
    };
    file.or_else(in_directory)
}

/// Writes `bytes` to `path`.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if is_stdout(path) {
        let mut out = io::stdout().lock();
        return out
            .write_all(bytes)
            .and_then(|()| out.flush())
            .context("standard output cannot be written");
    }
    replace(path, |file| Ok(file.write_all(bytes)?))
        .with_context(|| format!("{} cannot be written: name another file", path.display()))
}

/// Copies `from` to `to`.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    replace(to, |file| {
        let mut source = fs::File::open(from)?;
        io::copy(&mut source, file)?;
        Ok(())
    })
    .with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))
}

/// Checks that the output file `path` of an option can be written after the run; creates
/// nothing. If it is standard output, this is reserved for it: text goes to standard error.
pub(super) fn check_writable(option: &str, path: &Path) -> Result<()> {
    if is_stdout(path) {
        ensure!(
            terminal::reserve_stdout(),
            "only one output can be written to standard output: name a file for the others"
        );
        return Ok(());
    }
    let shown = path.display();
    let ends_as_directory = path.to_string_lossy().ends_with(std::path::is_separator);
    ensure!(
        !path.is_dir() && !ends_as_directory,
        "{option} {shown} is a directory: name a file"
    );
    if is_special(path) {
        return Ok(());
    }
    match NamedTempFile::new_in(directory_of(path)) {
        Ok(_) => Ok(()),
        Err(error) => bail!(
            "{option} {shown} cannot be written ({}): name a file in a writable directory",
            error.kind()
        ),
    }
}

/// Writes `value` to `path` as JSON, with a line end.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write(path, &text)
}

/// Writes beside `path`, then renames: a reader sees the old file or the new.
fn replace(path: &Path, write: impl FnOnce(&mut fs::File) -> Result<()>) -> Result<()> {
    if is_special(path) {
        return write(&mut fs::File::options().write(true).open(path)?);
    }
    // A symbolic link leads to the file that is replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut file = NamedTempFile::new_in(directory_of(path))?;
    write(file.as_file_mut())?;
    readable_by_all(file.as_file())?;
    file.persist(path)?;
    Ok(())
}

/// The directory of a file that may not exist yet.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes `file` readable for everybody: a temporary file is its owner's only.
#[cfg(unix)]
fn readable_by_all(file: &fs::File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.set_permissions(fs::Permissions::from_mode(0o644))?)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
fn readable_by_all(_: &fs::File) -> Result<()> {
    Ok(())
}

/// The names of all entries of `directory`, sorted.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>> {
    let mut names = fs::read_dir(directory)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

/// Returns `true` if both files exist and are equal.
pub(crate) fn same(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_replaces_what_differs() {
        let directory = tempfile::tempdir().expect("a directory");
        let [from, to] = ["a", "b"].map(|name| directory.path().join(name));
        fs::write(&from, "new").expect("written");
        fs::write(&to, "old").expect("written");
        assert!(!same(&from, &to));
        copy(&from, &to).expect("copied");
        assert!(same(&from, &to));
        assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 2);
    }

    #[test]
    fn a_report_needs_a_directory_that_exists() {
        let directory = tempfile::tempdir().expect("a directory");
        check_writable("--json", &directory.path().join("report.json")).expect("writable");
        assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 0);
        for path in [
            directory.path().to_path_buf(),
            directory.path().join("no/report.json"),
        ] {
            let error = check_writable("--json", &path).expect_err("not writable");
            assert!(error.to_string().contains("--json"), "{error:#}");
        }
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("missing").join("a");
        let error = write(&path, b"x").expect_err("no such directory");
        assert!(format!("{error:#}").contains("cannot be written"));
        assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 0);
    }
}
