// SPDX-License-Identifier: MIT OR Apache-2.0

//! A session: one program runs in a prefix, and what it said and how it ended.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::prefix::{DIRECTORY, Prefix};
use crate::processor::spawn_on;

/// What the session says of itself: failures of the kernel, missing functions,
/// what drivers print, and where each image is loaded.
const CHANNELS: &str = "-all,err+ntoskrnl,err+module,err+service,warn+module,warn+debugstr,\
                        trace+loaddll";

/// A program that runs; dropped before its end, it is killed.
#[derive(Debug)]
pub struct Session<'a> {
    prefix: &'a Prefix,
    child: Child,
    log: Option<JoinHandle<String>>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status, or `None` if it had to be killed.
    pub status: Option<ExitStatus>,
    /// What the session said on its standard error.
    pub log: String,
}

impl Prefix {
    /// Starts `program` of [`DIRECTORY`] as the first one of a session.
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
            .context("Wine cannot be run: see `cargo xtask doctor`")?;
        let errors = child.stderr.take();
        let echoes = self.echoes;
        let log = thread::spawn(move || {
            let mut text = Vec::new();
            // What was read before an error is all there is.
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

/// Reads `from` to its end into `text`, a line at a time.
fn read(from: impl Read, echoes: bool, text: &mut Vec<u8>) -> io::Result<()> {
    let mut from = BufReader::new(from);
    loop {
        let start = text.len();
        if from.read_until(b'\n', text)? == 0 {
            return Ok(());
        }
        if echoes {
            // Whoever does not listen any more misses nothing that is not in `text`.
            let _ = io::stderr().write_all(&text[start..]);
        }
    }
}

impl Session<'_> {
    /// Hears each line that the program prints, to its end.
    pub fn listen(&mut self, mut hear: impl FnMut(&str)) {
        if let Some(output) = self.child.stdout.take() {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                hear(&line);
            }
        }
    }

    /// Gives the program `patience` to end, and ends the session.
    ///
    /// # Errors
    ///
    /// If the session does not end.
    pub fn end(mut self, patience: Duration) -> Result<Ended> {
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
        Ok(Ended {
            status,
            log: log.and_then(Result::ok).unwrap_or_default(),
        })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
