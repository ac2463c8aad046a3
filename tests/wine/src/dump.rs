// SPDX-License-Identifier: MIT OR Apache-2.0

//! The crash dump of a machine with Wine: takes the place of Windows' `MEMORY.DMP`.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use scenarios::Finding;
use serde::{Deserialize, Serialize};

use crate::run::RunResult;

/// The content of the file, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// The crash, as a finding.
    pub finding: Finding,
    /// The number of cycles done before.
    pub cycles_done: u64,
    /// The last lines of the session's log.
    pub log: String,
}

impl Dump {
    /// The dump of a run; `None` if its kernel did not crash.
    #[must_use]
    pub fn of(ran: &RunResult) -> Option<Self> {
        /// Enough for the last cycles.
        const LINES: usize = 200;

        let finding = ran.report.findings.first().filter(|_| ran.crashed)?;
        let lines: Vec<_> = ran.log.lines().collect();
        Some(Self {
            finding: finding.clone(),
            cycles_done: ran.report.cycles_done,
            log: lines[lines.len().saturating_sub(LINES)..].join("\n"),
        })
    }

    /// Writes it to `path` and flushes it to the disk: the machine may crash next.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let write = || -> io::Result<()> {
            let mut file = File::create(path)?;
            serde_json::to_writer(&mut file, self)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            // The directory contains the file's name.
            File::open(path.canonicalize()?.parent().unwrap_or(path))?.sync_all()
        };
        write().with_context(|| format!("{} cannot be written: name another file", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use scenarios::Report;

    use super::*;

    fn ran(crashed: bool) -> RunResult {
        let mut report = Report::new("vm", 7, 100);
        report.cycles_done = 42;
        report.add_finding(Finding::bare("fault", "it crashed".to_owned(), 7, 42));
        let log: Vec<_> = (0..1000).map(|line| format!("line {line}")).collect();
        RunResult {
            report,
            crashed,
            log: log.join("\n"),
        }
    }

    #[test]
    fn only_a_crash_is_dumped() {
        assert_eq!(Dump::of(&ran(false)), None);
        let dump = Dump::of(&ran(true)).expect("a crash");
        assert_eq!((&*dump.finding.what, dump.cycles_done), ("it crashed", 42));
        let mut lines = dump.log.lines();
        assert_eq!(lines.next(), Some("line 800"));
        assert_eq!(lines.last(), Some("line 999"));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("dump.json");
        let dump = Dump::of(&ran(true)).expect("a crash");
        dump.write(&path).expect("written");
        let read = serde_json::from_slice(&fs::read(&path).expect("read"));
        assert_eq!(dump, read.expect("a dump"));
        let error = dump.write(directory.path()).expect_err("a directory");
        assert!(format!("{error:#}").contains("name another file"));
    }
}
