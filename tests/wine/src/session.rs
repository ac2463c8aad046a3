// SPDX-License-Identifier: MIT OR Apache-2.0

//! A session: one program in a prefix, its output, and how it ended.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::prefix::{DIRECTORY, Prefix};
use crate::processor::spawn_on;
use child::program::PROGRAM;

/// Wine's log channels: failures of the kernel, missing functions, debug prints of
/// drivers, and the address of each loaded image.
const CHANNELS: &str = "-all,err+ntoskrnl,err+module,err+service,warn+module,warn+debugstr,\
                        trace+loaddll";

/// A running program; it is killed on drop.
#[derive(Debug)]
pub struct Session<'a> {
    prefix: &'a Prefix,
    child: Child,
    log: Option<JoinHandle<String>>,
}

/// How a program ended.
#[derive(Debug)]
pub struct SessionEnd {
    /// Its exit status, or `None` if it had to be killed.
    pub status: Option<ExitStatus>,
    /// The session's log: all that it printed to standard error.
    pub log: String,
}

impl Prefix {
    /// Starts `program`, a file in [`DIRECTORY`], as a session of its own.
    ///
    /// # Errors
    ///
    /// If Wine cannot be run.
    pub fn run(&self, program: &str, arguments: &[String]) -> Result<Session<'_>> {
        let mut command = self.command();
        command
            .arg(format!(r"{DIRECTORY}\{program}"))
            .args(arguments)
            .env("WINEDEBUG", CHANNELS)
            .env(
                "WINEDLLOVERRIDES",
                "mscoree,mshtml,winemenubuilder.exe=;netio.sys,ntoskrnl.exe,bcryptprimitives=n,b",
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn_on(self.processor, &mut command)
            .with_context(|| format!("Wine cannot be run: see `{PROGRAM} doctor`"))?;
        let errors = child.stderr.take();
        let echoes = self.echoes;
        let log = thread::spawn(move || {
            let mut text = Vec::new();
            // After a read error, what was read so far is used.
            let _ = errors.map(|errors| read(errors, echoes, &mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        Ok(Session {
            prefix: self,
            child,
            log: Some(log),
        })
    }
}

/// Reads `from` to its end into `text`, line by line.
fn read(from: impl Read, echoes: bool, text: &mut Vec<u8>) -> io::Result<()> {
    let mut from = BufReader::new(from);
    loop {
        let start = text.len();
        if from.read_until(b'\n', text)? == 0 {
            return Ok(());
        }
        if echoes {
            // The line is in `text`, even if standard error is closed.
            let _ = io::stderr().write_all(&text[start..]);
        }
    }
}

impl Session<'_> {
    /// Calls `on_line` for each line that the program prints, until it closes its output.
    pub fn listen(&mut self, mut on_line: impl FnMut(&str)) {
        if let Some(output) = self.child.stdout.take() {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                on_line(&line);
            }
        }
    }

    /// Waits up to `patience` for the program to exit, then ends the session.
    ///
    /// # Errors
    ///
    /// If the session does not end.
    pub fn end(mut self, patience: Duration) -> Result<SessionEnd> {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break Some(status);
            }
            if started.elapsed() > patience {
                break None;
            }
            thread::sleep(Duration::from_millis(5));
        };
        self.prefix.end()?;
        let log = self.log.take().map(JoinHandle::join);
        Ok(SessionEnd {
            status,
            log: log.and_then(Result::ok).unwrap_or_default(),
        })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // An error means that it has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
