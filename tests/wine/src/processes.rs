// SPDX-License-Identifier: MIT OR Apache-2.0

//! The processes of a prefix's session.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Returns `true` if a process of this user was started in the prefix at `path`.
///
/// # Errors
///
/// If `/proc` cannot be read.
pub fn has_processes(path: &Path) -> Result<bool> {
    let wanted = [b"WINEPREFIX=", path.as_os_str().as_encoded_bytes()].concat();
    for entry in fs::read_dir("/proc").context("/proc cannot be read")? {
        // The environment of a process of another user, or of one that is ending or starting,
        // cannot be read.
        let variables = fs::read(entry?.path().join("environ")).unwrap_or_default();
        if variables.split(|&byte| byte == 0).any(|it| it == wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_of_the_prefix_is_seen_while_it_runs() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(!has_processes(directory.path()).expect("looked"));
        let mut process = Command::new("cat")
            .env("WINEPREFIX", directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        // `spawn` returns before the environment can be read; after an echo it can.
        process
            .stdin
            .as_mut()
            .expect("piped")
            .write_all(b"?")
            .expect("written");
        process
            .stdout
            .as_mut()
            .expect("piped")
            .read_exact(&mut [0])
            .expect("echoed");
        assert!(has_processes(directory.path()).expect("looked"));
        drop(process.stdin.take());
        process.wait().expect("ended");
        assert!(!has_processes(directory.path()).expect("looked"));
    }
}
