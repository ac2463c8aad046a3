// SPDX-License-Identifier: MIT OR Apache-2.0

//! A trial of `wine-guest`, the stress program of a guest with Wine. It runs on this host,
//! where a regular file takes the place of `/proc/sysrq-trigger`.

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

use super::wine::CRASHING_MODULE;
use crate::building::{host_program, wine_prefix};
use crate::terminal;
use crate::workspace::{Workspace, artifact};
use crate::zoo::{Catalogue, Workshop};

/// A directory with the files of a guest, and the program.
struct GuestDirectory {
    program: PathBuf,
    directory: TempDir,
}

/// A finished run of the program.
struct ProgramRun {
    /// The exit status; `None` if it crashed the machine.
    code: Option<i32>,
    lines: Vec<Line>,
    log: String,
}

/// The program runs clean cycles, refuses wrong options, and crashes the machine when
/// Wine's kernel dies.
pub(crate) fn passes(workspace: &Workspace) -> Result<bool> {
    let Some(guest) = GuestDirectory::set_up(workspace)? else {
        return Ok(false);
    };
    let before = times(&guest.path("template"))?;
    let clean = guest.runs_clean_cycles();
    let refused = guest.refuses_unknown_options();
    let crashed = guest.crashes_the_machine(workspace);
    let untouched = || {
        let after = times(&guest.path("template"))?;
        ensure!(before == after, "the template was modified");
        Ok(())
    };
    let mut passed = true;
    for (what, result) in [
        ("clean cycles", clean),
        ("an unknown option", refused),
        ("a crash", crashed),
        ("all runs", untouched()),
    ] {
        if let Err(error) = result {
            terminal::error(format!("wine-guest, {what}: {error:#}"));
            passed = false;
        }
    }
    Ok(passed)
}

impl GuestDirectory {
    fn set_up(workspace: &Workspace) -> Result<Option<Self>> {
        let Some(payload) = wine_prefix::payload(workspace)? else {
            return Ok(None);
        };
        let guest = Self {
            program: host_program::wine_guest(workspace)?,
            directory: tempfile::tempdir_in(workspace.target())?,
        };
        payload.collect(&guest.path("payload"))?;
        for name in ["provider.sys", "client.sys"] {
            artifact::copy(&workspace.drivers().join(name), &guest.payload(name))?;
        }
        wine::boot_template(&guest.path("template"))?;
        Ok(Some(guest))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn payload(&self, name: &str) -> PathBuf {
        self.path("payload").join(name)
    }

    fn runs_clean_cycles(&self) -> Result<()> {
        const CYCLES: u64 = 20;
        let seen = self.run(&[&format!("--cycles={CYCLES}"), "--tier=vm"])?;
        ensure!(seen.code == Some(0), "it exited with {seen}");
        let Some((Line::Report(report), before)) = seen.lines.split_last() else {
            bail!("its last line is not a report: {seen}");
        };
        let Report {
            tier, cycles_done, ..
        } = &**report;
        ensure!(
            report.is_clean() && *cycles_done == CYCLES && tier == "vm",
            "it does not report what was requested: {seen}"
        );
        ensure!(
            before.iter().all(|line| matches!(line, Line::Progress(_))),
            "it printed more than progress before the report: {seen}"
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

    fn refuses_unknown_options(&self) -> Result<()> {
        let seen = self.run(&["--cycles=1", "--only=nothing"])?;
        let error = seen.log.lines().last().unwrap_or_default();
        ensure!(
            seen.code == Some(2) && seen.lines.is_empty() && error.contains("--only"),
            "it exited with {seen}"
        );
        Ok(())
    }

    fn crashes_the_machine(&self, workspace: &Workspace) -> Result<()> {
        let recipe = Catalogue::read(workspace)?.recipe(CRASHING_MODULE)?;
        let image = Workshop::open(workspace)?.make(&recipe)?;
        let driver = format!("{}.sys", recipe.role.name());
        artifact::copy(&image, &self.payload(&driver))?;
        let seen = self.run(&["--cycles=60", "--instances=1x1"])?;
        ensure!(seen.code.is_none(), "the machine did not crash: {seen}");
        ensure!(
            !seen
                .lines
                .iter()
                .any(|line| matches!(line, Line::Report(_))),
            "a crashed machine must not report: {seen}"
        );
        let dump = fs::read(self.path("dump"))?;
        let dump: Dump = serde_json::from_slice(&dump)?;
        ensure!(
            dump.finding.code == "fault" && dump.finding.driver == driver,
            "the dump has another finding: {}",
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

    /// Runs the program as a guest's agent does: without any environment.
    fn run(&self, options: &[&str]) -> Result<ProgramRun> {
        const PATIENCE: Duration = Duration::from_mins(3);

        let mut child = Command::new(&self.program)
            .env_clear()
            .arg("--payload")
            .arg(self.path("payload"))
            .arg("--template")
            .arg(self.path("template"))
            .arg("--dump")
            .arg(self.path("dump"))
            .arg("--crash-by")
            .arg(self.path("crash"))
            .args(["--", "--seed=1"])
            .args(options)
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
                ensure!(crashed, "it did not exit within {PATIENCE:?}");
                break None;
            }
            thread::sleep(Duration::from_millis(20));
        };
        let out = fs::read_to_string(self.path("out"))?;
        let lines = out.lines().map(serde_json::from_str);
        Ok(ProgramRun {
            code,
            lines: lines.collect::<serde_json::Result<_>>()?,
            log: fs::read_to_string(self.path("log"))?,
        })
    }
}

impl std::fmt::Display for ProgramRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, lines, log } = self;
        let last = log.lines().last().unwrap_or_default();
        write!(f, "status {code:?}, {:?}, {last}", lines.last())
    }
}

/// The modification time of each file below `directory`.
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
