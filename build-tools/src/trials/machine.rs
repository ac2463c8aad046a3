// SPDX-License-Identifier: MIT OR Apache-2.0

//! Trials of the vm tier with the rehearsal guest, through the command line.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vm::{DUMP, REHEARSAL};

use super::wine::CRASHING_MODULE;
use crate::machines::{create_rehearsal, home};
use crate::terminal::{self, Outcome};
use crate::workspace::Workspace;
use crate::zoo::{Catalogue, Workshop};

/// A finished command: exit status, output, and directories of runs that it kept.
struct CommandRun {
    code: Option<i32>,
    output: String,
    /// The directories of runs that it kept.
    kept: Vec<PathBuf>,
}

impl CommandRun {
    /// Runs `cargo xtask` with `arguments`.
    fn of(workspace: &Workspace, arguments: &[&str]) -> Result<Self> {
        let before = runs(workspace)?;
        // Through cargo, as a user would: a test may have replaced this program's file.
        let output = workspace.cargo().arg("xtask").args(arguments).output();
        let Output {
            status,
            stdout,
            stderr,
        } = output.context("cargo cannot be run")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self {
            code: status.code(),
            output: text(&stdout) + &text(&stderr),
            kept: runs(workspace)?.difference(&before).cloned().collect(),
        })
    }

    /// Checks the exit status, that `words` were printed, and the number of directories
    /// kept; removes these.
    fn check(&self, code: i32, words: &[&str], kept: usize) -> Result<()> {
        let text = &self.output;
        ensure!(
            self.code == Some(code),
            "it exited with {:?}: {text}",
            self.code
        );
        for word in words {
            ensure!(text.contains(word), "it did not print `{word}`: {text}");
        }
        ensure!(self.kept.len() == kept, "it kept {:?}: {text}", self.kept);
        for directory in &self.kept {
            fs::remove_dir_all(directory)?;
        }
        Ok(())
    }
}

/// The directories of runs.
fn runs(workspace: &Workspace) -> Result<BTreeSet<PathBuf>> {
    let runs = home(workspace).join("runs");
    fs::create_dir_all(&runs)?;
    let entries = fs::read_dir(runs)?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// A run of the pair is clean and keeps nothing.
pub(crate) fn clean_run_passes(workspace: &Workspace) -> Result<bool> {
    /// TCG runs two or three in a second.
    const CYCLES: u64 = 10;

    if create_rehearsal(workspace)? != Outcome::Done {
        return Ok(false);
    }
    let json = home(workspace).join("rehearsal.json");
    let (cycles, file) = (CYCLES.to_string(), json.display().to_string());
    let on = format!("vm:{REHEARSAL}");
    let seen = CommandRun::of(
        workspace,
        &[
            "stress", "--on", &on, "--cycles", &cycles, "--seed", "1", "--json", &file,
        ],
    )?;
    let checked = || {
        seen.check(0, &["PASS  10 cycles in ", "0 findings"], 0)?;
        let report: Value = serde_json::from_str(&fs::read_to_string(&json)?)?;
        ensure!(report["tier"] == "vm", "the tier is {}", report["tier"]);
        ensure!(report["cycles_done"] == CYCLES, "not all cycles were done");
        for fact in ["accelerator", "kernel", "system", "wine"] {
            ensure!(
                !report["guest"][fact].is_null(),
                "{fact} is missing in the report"
            );
        }
        Ok(())
    };
    Ok(verdict("a clean run", &checked()))
}

/// A crash names the driver and keeps the dump; a lost agent and a hang are reported as
/// what they are.
pub(crate) fn failures_are_distinguished(workspace: &Workspace) -> Result<bool> {
    let recipe = Catalogue::read(workspace)?.recipe(CRASHING_MODULE)?;
    let image = Workshop::open(workspace)?.make(&recipe)?;
    let option = format!("--provider={}", image.display());
    let on = format!("vm:{REHEARSAL}");
    // Further instances are copies with other names.
    let alone = "--instances=1x1";
    let crash = CommandRun::of(
        workspace,
        &[
            "stress", "--on", &on, "--cycles", "20", "--seed", "1", alone, &option,
        ],
    )?;
    let crashed = || {
        let dumped = crash.kept.iter().any(|home| home.join(DUMP).is_file());
        ensure!(dumped, "there is no {DUMP}: {}", crash.output);
        crash.check(1, &["it has restarted", "fault provider.sys+"], 1)
    };
    let crashed = verdict("a driver that crashes its kernel", &crashed());

    // The agent closes its channel.
    let stop = "systemctl stop qemu-guest-agent; sleep 999";
    let silent = CommandRun::of(workspace, &["vm", "run", REHEARSAL, "--", stop])?;
    let silent = silent.check(1, &["the guest's agent is lost"], 1);
    let silent = verdict("a guest without an agent", &silent);

    // The agent is stopped, and an NMI crashes the kernel.
    let halt = "systemd-run -q sh -c 'echo 1 > /proc/sys/kernel/unknown_nmi_panic; \
                kill -STOP $(pidof qemu-ga)'; sleep 999";
    let hung = CommandRun::of(workspace, &["vm", "run", REHEARSAL, "--", halt])?;
    let hung = hung.check(
        1,
        &[
            "the guest hangs: no sign of life",
            "an NMI made its kernel crash",
        ],
        1,
    );
    let hung = verdict("a guest that hangs", &hung);
    Ok(crashed && silent && hung)
}

fn verdict(what: &str, result: &Result<()>) -> bool {
    if let Err(error) = result {
        terminal::error(format!("the rehearsal, {what}: {error:#}"));
    }
    result.is_ok()
}
