// SPDX-License-Identifier: MIT OR Apache-2.0

//! A trial of `wine-guest`, which stands for a Windows kernel in a guest with
//! Wine: here without the guest, whose crash is a word in a file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use scenarios::{Line, Report};
use tempfile::TempDir;
use wine::Dump;

use crate::workspace::Workspace;
use crate::zoo::{Catalogue, Workshop};
use crate::{artifact, host, on_wine, screen};

/// A directory with all that is in a guest.
struct Trial {
    program: PathBuf,
    directory: TempDir,
}

/// How a run went.
struct Seen {
    /// `None` if it waited for the end of the machine.
    code: Option<i32>,
    lines: Vec<Line>,
    said: String,
}

/// Whether it runs clean cycles as a Windows machine does, refuses what is wrong,
/// and crashes as one.
pub(crate) fn passes(workspace: &Workspace) -> Result<bool> {
    let Some(trial) = Trial::set_up(workspace)? else {
        return Ok(false);
    };
    let before = times(&trial.path("template"))?;
    let lived = trial.lives();
    let refused = trial.refuses();
    let died = trial.dies(workspace);
    let untouched = || {
        let after = times(&trial.path("template"))?;
        ensure!(before == after, "the template is not what it was");
        Ok(())
    };
    let mut passed = true;
    for (what, result) in [
        ("clean cycles", lived),
        ("a wrong word", refused),
        ("a crash", died),
        ("all runs", untouched()),
    ] {
        if let Err(error) = result {
            screen::error(format!("wine-guest, {what}: {error:#}"));
            passed = false;
        }
    }
    Ok(passed)
}

impl Trial {
    fn set_up(workspace: &Workspace) -> Result<Option<Self>> {
        let Some(kit) = on_wine::kit(workspace)? else {
            return Ok(None);
        };
        let trial = Self {
            program: host::wine_guest(workspace)?,
            directory: tempfile::tempdir_in(workspace.target())?,
        };
        kit.collect(&trial.path("kit"))?;
        for name in ["provider.sys", "client.sys"] {
            artifact::copy(&workspace.drivers().join(name), &trial.kit(name))?;
        }
        wine::boot_template(&trial.path("template"))?;
        Ok(Some(trial))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn kit(&self, name: &str) -> PathBuf {
        self.path("kit").join(name)
    }

    fn lives(&self) -> Result<()> {
        const CYCLES: u64 = 20;
        let seen = self.run(&[&format!("--cycles={CYCLES}"), "--tier=vm"])?;
        ensure!(seen.code == Some(0), "it ended with {seen}");
        let Some((Line::Report(report), before)) = seen.lines.split_last() else {
            bail!("its last line is no report: {seen}");
        };
        let Report {
            tier, cycles_done, ..
        } = &**report;
        ensure!(
            report.is_clean() && *cycles_done == CYCLES && tier == "vm",
            "it reports something else than was asked for: {seen}"
        );
        ensure!(
            before.iter().all(|line| matches!(line, Line::Progress(_))),
            "before the report there is more than progress: {seen}"
        );
        ensure!(!self.path("crash").exists(), "it crashed the machine");
        let mut left = fs::read_dir(self.directory.path())?.filter_map(|entry| {
            let name = entry.ok()?.file_name();
            name.to_string_lossy()
                .starts_with("prefix-")
                .then_some(name)
        });
        if let Some(left) = left.next() {
            bail!("it left {}", left.display());
        }
        Ok(())
    }

    /// What the program does not understand, it does not pass over.
    fn refuses(&self) -> Result<()> {
        let seen = self.run(&["--cycles=1", "--only=nothing"])?;
        let said = seen.said.lines().last().unwrap_or_default();
        ensure!(
            seen.code == Some(2) && seen.lines.is_empty() && said.contains("--only"),
            "it ended with {seen}"
        );
        Ok(())
    }

    fn dies(&self, workspace: &Workspace) -> Result<()> {
        let recipe = Catalogue::read(workspace)?.recipe("thread_left")?;
        let image = Workshop::open(workspace)?.make(&recipe)?;
        let driver = format!("{}.sys", recipe.role.name());
        artifact::copy(&image, &self.kit(&driver))?;
        let seen = self.run(&["--cycles=60", "--instances=1x1"])?;
        ensure!(seen.code.is_none(), "the machine lives: {seen}");
        ensure!(
            !seen
                .lines
                .iter()
                .any(|line| matches!(line, Line::Report(_))),
            "a machine that crashes does not report: {seen}"
        );
        let dump = fs::read(self.path("dump"))?;
        let dump: Dump = serde_json::from_slice(&dump)?;
        ensure!(
            dump.finding.code == "fault" && dump.finding.driver == driver,
            "the dump tells something else: {}",
            dump.finding
        );
        ensure!(
            dump.cycles_done < 60 && dump.log.contains("wine: Unhandled"),
            "the dump has {} cycles and this log: {}",
            dump.cycles_done,
            dump.log
        );
        Ok(())
    }

    /// Runs it as a guest's agent does: without any environment.
    fn run(&self, passed: &[&str]) -> Result<Seen> {
        const PATIENCE: Duration = Duration::from_mins(3);

        let mut child = Command::new(&self.program)
            .env_clear()
            .arg("--kit")
            .arg(self.path("kit"))
            .arg("--template")
            .arg(self.path("template"))
            .arg("--dump")
            .arg(self.path("dump"))
            .arg("--crash-by")
            .arg(self.path("crash"))
            .args(["--", "--seed=1"])
            .args(passed)
            .stdin(Stdio::null())
            .stdout(File::create(self.path("out"))?)
            .stderr(File::create(self.path("log"))?)
            .spawn()
            .context("wine-guest cannot be run")?;
        let started = Instant::now();
        let code = loop {
            if let Some(status) = child.try_wait()? {
                break status.code();
            }
            let crashed = fs::read(self.path("crash")).is_ok_and(|word| word == b"c");
            if crashed || started.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                ensure!(crashed, "it did not end within {PATIENCE:?}");
                break None;
            }
            thread::sleep(Duration::from_millis(20));
        };
        let out = fs::read_to_string(self.path("out"))?;
        let lines = out.lines().map(serde_json::from_str);
        Ok(Seen {
            code,
            lines: lines.collect::<serde_json::Result<_>>()?,
            said: fs::read_to_string(self.path("log"))?,
        })
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, lines, said } = self;
        let last = said.lines().last().unwrap_or_default();
        write!(f, "status {code:?}, {:?}, {last}", lines.last())
    }
}

/// Each file below `directory`, and when it was written.
fn times(directory: &Path) -> Result<BTreeMap<PathBuf, SystemTime>> {
    let mut times = BTreeMap::new();
    let mut rest = vec![directory.to_owned()];
    while let Some(directory) = rest.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                rest.push(entry.path());
            } else if entry.file_type()?.is_file() {
                times.insert(entry.path(), entry.metadata()?.modified()?);
            }
        }
    }
    Ok(times)
}
