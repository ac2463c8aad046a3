// SPDX-License-Identifier: MIT OR Apache-2.0

//! A fake agent behind a socket, whose answers a test defines.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::QemuAgent;

/// An answer: a value, or the text of an error.
pub(super) type Answer = Result<Value, &'static str>;

/// The fake agent; on drop its socket is removed.
pub(super) struct Fake {
    directory: TempDir,
}

impl Fake {
    /// Sends `stale` on each connection, then answers each request by `answer`, except the
    /// one to synchronise.
    pub(super) fn start(
        stale: &'static str,
        mut answer: impl FnMut(&str, &Value) -> Answer + Send + 'static,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(directory.path().join("agent")).expect("bound");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let reader = BufReader::new(stream.try_clone().expect("a socket"));
                stream.write_all(stale.as_bytes()).expect("written");
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
                    // The client may have disconnected.
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

    /// A client of it.
    pub(super) fn agent(&self) -> QemuAgent {
        QemuAgent::new(self.socket(), &["/bin/sh", "-c"])
    }
}
