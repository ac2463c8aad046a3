// SPDX-License-Identifier: MIT OR Apache-2.0

//! Files that a command leaves behind: whole, or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Writes `bytes` to `path`.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
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

/// Writes beside `path`, then renames: a reader sees the old file or the new.
fn replace(path: &Path, write: impl FnOnce(&mut fs::File) -> Result<()>) -> Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(directory)?;
    write(file.as_file_mut())?;
    readable_by_all(file.as_file())?;
    file.persist(path)?;
    Ok(())
}

/// A temporary file is its owner's alone; what is left behind is not.
#[cfg(unix)]
fn readable_by_all(file: &fs::File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.set_permissions(fs::Permissions::from_mode(0o644))?)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn readable_by_all(_: &fs::File) -> Result<()> {
    Ok(())
}

/// Whether two files are there and equal.
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
    fn a_failed_write_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("missing").join("a");
        let error = write(&path, b"x").expect_err("no such directory");
        assert!(format!("{error:#}").contains("cannot be written"));
        assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 0);
    }
}
