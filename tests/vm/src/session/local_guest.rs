// SPDX-License-Identifier: MIT OR Apache-2.0

//! A guest for tests: this host, behind an SSH server of the test.
//!
//! Its boot id is in a file, so that a test can simulate a restart.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::{ProgramEnd, Session};
use crate::catalogue::{Guest, Place};
use crate::profile::Profile;
use crate::sshd::Sshd;

/// A timeout that is never reached.
const AMPLE: Duration = Duration::from_mins(1);

/// The guest, and the directory of its files and of the session's.
pub(super) struct LocalGuest {
    pub(super) guest: Guest,
    directory: TempDir,
}

impl LocalGuest {
    pub(super) fn behind(sshd: &Sshd) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let base = directory.path().display();
        let run = format!("{base}/run");
        let profile = Profile {
            directory: text(format!("{run}/")),
            clear: text(format!("rm -rf {run} && mkdir {run}")),
            boot: text(format!("cat {base}/boot")),
            marker: text(format!("cat {run}/marker")),
            facts: Box::leak(Box::new([("start", text(format!("cat {base}/boot")))])),
            prepare: lines([format!("touch {base}/prepared")]),
            restart: text(format!("echo restarted > {base}/boot")),
            check: lines([format!("test -e {base}/prepared")]),
            run: text(format!(
                "cd {run} && exec sh ./program {{}} > {run}/out.jsonl 2> {run}/session.log"
            )),
            gather: lines([format!("cp {base}/dump {run}/MEMORY.DMP")]),
            evidence: text(format!(
                "ls -1d {run}/MEMORY.DMP {run}/session.log {run}/empty {run}/none"
            )),
            ..Profile::REHEARSAL
        };
        let guest = Self {
            guest: Guest {
                name: "lab".to_owned(),
                profile: Box::leak(Box::new(profile)),
                place: Place::Elsewhere {
                    ssh: sshd.ssh(),
                    begin: None,
                    end: None,
                },
                boot: AMPLE,
                heartbeat: AMPLE,
                stall: AMPLE,
            },
            directory,
        };
        guest.write("boot", "first");
        guest
    }

    /// A file outside the run's directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    /// The names of the entries of a directory, sorted.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(name)).expect("there");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries.map(|entry| name(entry.expect("read"))).collect();
        names.sort();
        names
    }

    pub(super) fn open(&self) -> anyhow::Result<Session<'_>> {
        Session::open(&self.guest, &self.path("home"))
    }

    /// Runs `script` in a new session. `{}` in it stands for a wait until the guest is
    /// dropped.
    pub(super) fn run(&self, script: &str, on_line: impl FnMut(&str)) -> (Session<'_>, ProgramEnd) {
        let wait = format!(
            "while test -e {}; do sleep 0.1; done",
            self.path("boot").display()
        );
        let package = tempfile::tempdir().expect("a directory");
        fs::write(package.path().join("program"), script.replace("{}", &wait)).expect("written");
        let mut session = self.open().expect("it answers");
        session.push(package.path()).expect("copied");
        let end = session.stress(&["--word".to_owned()], on_line);
        (session, end.expect("started"))
    }

    /// The content of a local file of a session.
    pub(super) fn local_file(session: &Session<'_>, name: &str) -> Option<String> {
        fs::read_to_string(session.home().join(name)).ok()
    }
}

/// Leaks a string: a profile is static data.
fn text(of: String) -> &'static str {
    of.leak()
}

fn lines(of: [String; 1]) -> &'static [&'static str] {
    Box::leak(Box::new(of.map(text)))
}
