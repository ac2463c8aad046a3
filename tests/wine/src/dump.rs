// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a machine leaves behind whose kernel stopped: the place of Windows'
//! `MEMORY.DMP` where Wine's kernel stands for Windows'.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use scenarios::Finding;
use serde::{Deserialize, Serialize};

use crate::run::Ran;

/// A JSON file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// How the kernel died.
    pub finding: Finding,
    /// The cycles that were done before.
    pub cycles_done: u64,
    /// The end of what the session said.
    pub log: String,
}

impl Dump {
    /// What `ran` leaves; `None` if its kernel lived.
    #[must_use]
    pub fn of(ran: &Ran) -> Option<Self> {
        /// All of the last cycles, and no more than one wants to read.
        const LINES: usize = 200;

        let finding = ran.report.findings.first().filter(|_| ran.died)?;
        let lines: Vec<_> = ran.log.lines().collect();
        Some(Self {
            finding: finding.clone(),
            cycles_done: ran.report.cycles_done,
            log: lines[lines.len().saturating_sub(LINES)..].join("\n"),
        })
    }

    /// Writes it to `path`; when this returns, it is on the disk, whatever the
    /// machine does next.
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
            // The file's name is in its directory.
            File::open(path.canonicalize()?.parent().unwrap_or(path))?.sync_all()
        };
        write().with_context(|| format!("{} cannot be written: name another file", path.display()))
    }
}
