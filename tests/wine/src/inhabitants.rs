// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processes of a prefix.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Whether any process that we may look at was started in the prefix at `path`.
///
/// # Errors
///
/// If processes cannot be looked at.
pub fn is_inhabited(path: &Path) -> Result<bool> {
    let wanted = [b"WINEPREFIX=", path.as_os_str().as_bytes()].concat();
    for entry in fs::read_dir("/proc").context("/proc cannot be read")? {
        // One that ends meanwhile, or is another user's, has nothing to read.
        let variables = fs::read(entry?.path().join("environ")).unwrap_or_default();
        if variables.split(|&byte| byte == 0).any(|it| it == wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_of_the_prefix_is_seen_while_it_runs() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(!is_inhabited(directory.path()).expect("looked"));
        let mut process = Command::new("cat")
            .env("WINEPREFIX", directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("started");
        assert!(is_inhabited(directory.path()).expect("looked"));
        drop(process.stdin.take());
        process.wait().expect("ended");
        assert!(!is_inhabited(directory.path()).expect("looked"));
    }
}
