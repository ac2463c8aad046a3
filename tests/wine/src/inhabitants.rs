// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processes of a prefix.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Whether any process that we may look at was started in the prefix at `path`.
///
/// # Errors
///
/// If processes cannot be looked at.
pub fn is_inhabited(path: &Path) -> Result<bool> {
    let wanted = [b"WINEPREFIX=", path.as_os_str().as_encoded_bytes()].concat();
    for entry in fs::read_dir("/proc").context("/proc cannot be read")? {
        // One that ends meanwhile, is another user's or is only just being started has nothing to read.
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
        assert!(!is_inhabited(directory.path()).expect("looked"));
        let mut process = Command::new("cat")
            .env("WINEPREFIX", directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        // `spawn` returns before the environment can be read; whoever echoes has been started.
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
        assert!(is_inhabited(directory.path()).expect("looked"));
        drop(process.stdin.take());
        process.wait().expect("ended");
        assert!(!is_inhabited(directory.path()).expect("looked"));
    }
}
