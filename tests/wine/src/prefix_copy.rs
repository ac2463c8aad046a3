// SPDX-License-Identifier: MIT OR Apache-2.0

//! Copies a prefix, with hard links to unmodified files: faster than making one.

use std::fs;
use std::io;
use std::path::Path;

/// The directory of Windows' own files. They are linked: a program that changes one
/// replaces it.
const SHARED: &str = "windows";

/// The directories of a prefix; everything else belongs to its sessions.
const DIRECTORIES: [&str; 2] = ["drive_c", "dosdevices"];
/// The files of a prefix.
const FILES: [&str; 4] = [".update-timestamp", "system.reg", "user.reg", "userdef.reg"];

/// Copies the prefix `from` into the empty prefix `to`: symbolic links stay links, and
/// Wine's own files are hard links.
pub(crate) fn fill(from: &Path, to: &Path) -> io::Result<()> {
    for name in FILES {
        fs::copy(from.join(name), to.join(name))?;
    }
    for name in DIRECTORIES {
        let (from, to) = (from.join(name), to.join(name));
        fs::create_dir(&to)?;
        copy(&from, &to, false)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, shared: bool) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let file_type = entry.file_type()?;
        if file_type.is_symlink() {
            link(&fs::read_link(&from)?, &to)?;
        } else if file_type.is_dir() {
            fs::create_dir(&to)?;
            copy(&from, &to, shared || entry.file_name() == SHARED)?;
        } else if shared {
            fs::hard_link(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

#[cfg(not(unix))]
fn link(_: &Path, at: &Path) -> io::Result<()> {
    let why = format!("{} cannot be a symbolic link on this host", at.display());
    Err(io::Error::new(io::ErrorKind::Unsupported, why))
}
