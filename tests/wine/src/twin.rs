// SPDX-License-Identifier: MIT OR Apache-2.0

//! A second prefix like the first, in no time.

use std::fs;
use std::io;
use std::path::Path;

/// Files of Windows' own directory: whoever changes one makes a new one.
const SHARED: &str = "windows";

/// What a machine is made of; the rest is of its sessions.
const DIRECTORIES: [&str; 2] = ["drive_c", "dosdevices"];
const FILES: [&str; 4] = [".update-timestamp", "system.reg", "user.reg", "userdef.reg"];

/// Fills the prefix `to` with what is in `from`: links stay links, and Wine's own
/// files are the same ones in both.
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
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            link(&fs::read_link(&from)?, &to)?;
        } else if kind.is_dir() {
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
    let why = format!("{} would be a link", at.display());
    Err(io::Error::new(io::ErrorKind::Unsupported, why))
}
