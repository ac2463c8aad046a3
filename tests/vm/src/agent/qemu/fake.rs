// SPDX-License-Identifier: MIT OR Apache-2.0

//! An agent that answers as a test says, behind a socket as QEMU has one.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::QemuAgent;

/// What it answers: a refusal is told in words.
pub(super) type Answer = Result<Value, &'static str>;

/// The agent's socket, which ends with this.
pub(super) struct Fake {
    directory: TempDir,
}

impl Fake {
    /// Says each line of `stale` to whoever connects, then what `answer` says to each
    /// request but that to synchronise.
    pub(super) fn start(
        stale: &'static str,
        mut answer: impl FnMut(&str, &Value) -> Answer + Send + 'static,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(directory.path().join("agent")).expect("bound");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("someone has connected");
                let reader = BufReader::new(stream.try_clone().expect("a socket"));
                stream.write_all(stale.as_bytes()).expect("heard");
                for request in reader.lines() {
                    let request = request.expect("a line");
                    let request: Value = serde_json::from_str(&request).expect("a request");
                    let arguments = &request["arguments"];
                    let answer = match request["execute"].as_str().expect("a name") {
                        "guest-sync" => Ok(arguments["id"].clone()),
                        name => answer(name, arguments),
                    };
                    let answer = match answer {
                        Ok(value) => json!({"return": value}),
                        Err(words) => json!({"error": {"class": "GenericError", "desc": words}}),
                    };
                    // Who asked may be gone.
                    if writeln!(stream, "{answer}").is_err() {
                        break;
                    }
                }
            }
        });
        Self { directory }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("agent")
    }

    /// Who speaks to it.
    pub(super) fn agent(&self) -> QemuAgent {
        QemuAgent::new(self.socket(), &["/bin/sh", "-c"])
    }
}
