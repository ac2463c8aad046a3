// SPDX-License-Identifier: MIT OR Apache-2.0

//! Trials of machines, on the one that is made here: by the command line, as a
//! tester would.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vm::{DUMP, REHEARSAL};

use crate::outcome::Outcome;
use crate::screen;
use crate::vm::{create, home};
use crate::workspace::Workspace;
use crate::zoo::{Catalogue, Workshop};

/// A command's end, and what it left.
struct Seen {
    code: Option<i32>,
    told: String,
    /// The directories of machines that were kept.
    kept: Vec<PathBuf>,
}

impl Seen {
    /// Of `cargo xtask` with `arguments`.
    fn of(workspace: &Workspace, arguments: &[&str]) -> Result<Self> {
        let before = runs(workspace)?;
        // By cargo, as a user would: the file of this program may have been replaced
        // by the build of a test.
        let output = workspace.cargo().arg("xtask").args(arguments).output();
        let Output {
            status,
            stdout,
            stderr,
        } = output.context("cargo cannot be run")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self {
            code: status.code(),
            told: text(&stdout) + &text(&stderr),
            kept: runs(workspace)?.difference(&before).cloned().collect(),
        })
    }

    /// Whether it ended with `code`, said `words`, and kept so many directories;
    /// removes these.
    fn is(&self, code: i32, words: &[&str], kept: usize) -> Result<()> {
        let told = &self.told;
        ensure!(
            self.code == Some(code),
            "it ended with {:?}: {told}",
            self.code
        );
        for word in words {
            ensure!(told.contains(word), "it did not say `{word}`: {told}");
        }
        ensure!(self.kept.len() == kept, "it kept {:?}: {told}", self.kept);
        for directory in &self.kept {
            fs::remove_dir_all(directory)?;
        }
        Ok(())
    }
}

/// The directories that machines' runs have left.
fn runs(workspace: &Workspace) -> Result<BTreeSet<PathBuf>> {
    let runs = home(workspace).join("runs");
    fs::create_dir_all(&runs)?;
    let entries = fs::read_dir(runs)?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Whether a clean run is clean, and leaves nothing.
pub(crate) fn passes(workspace: &Workspace) -> Result<bool> {
    /// TCG runs two or three in a second.
    const CYCLES: u64 = 10;

    if create(workspace)? != Outcome::Done {
        return Ok(false);
    }
    let json = home(workspace).join("rehearsal.json");
    let (cycles, file) = (CYCLES.to_string(), json.display().to_string());
    let on = format!("vm:{REHEARSAL}");
    let seen = Seen::of(
        workspace,
        &[
            "stress", "--on", &on, "--cycles", &cycles, "--seed", "1", "--json", &file,
        ],
    )?;
    let checked = || {
        seen.is(0, &["10 of 10 cycles", "0 findings"], 0)?;
        let report: Value = serde_json::from_str(&fs::read_to_string(&json)?)?;
        ensure!(report["tier"] == "vm", "the tier is {}", report["tier"]);
        ensure!(report["cycles_done"] == CYCLES, "not all cycles were done");
        for fact in ["accelerator", "kernel", "system", "wine"] {
            ensure!(!report["guest"][fact].is_null(), "{fact} is not told");
        }
        Ok(())
    };
    Ok(verdict("a clean run", &checked()))
}

/// Whether a driver that crashes its kernel is named, and the dump is at home; and
/// whether a guest of which nothing is heard any more is told apart.
pub(crate) fn trouble_is_told(workspace: &Workspace) -> Result<bool> {
    let recipe = Catalogue::read(workspace)?.recipe("thread_left")?;
    let image = Workshop::open(workspace)?.make(&recipe)?;
    let option = format!("--provider={}", image.display());
    let on = format!("vm:{REHEARSAL}");
    // Others are copies with names of their own.
    let alone = "--instances=1x1";
    let crash = Seen::of(
        workspace,
        &[
            "stress", "--on", &on, "--cycles", "20", "--seed", "1", alone, &option,
        ],
    )?;
    let crashed = || {
        let dumped = crash.kept.iter().any(|home| home.join(DUMP).is_file());
        ensure!(dumped, "there is no {DUMP}: {}", crash.told);
        crash.is(1, &["it has started anew", "fault provider.sys+"], 1)
    };
    let crashed = verdict("a driver that crashes its kernel", &crashed());

    // The agent says farewell to its channel.
    let stop = "systemctl stop qemu-guest-agent; sleep 999";
    let silent = Seen::of(workspace, &["vm", "run", REHEARSAL, "--", stop])?;
    let silent = silent.is(1, &["the guest's agent is lost"], 1);
    let silent = verdict("a guest without an agent", &silent);

    // The agent is there and says nothing; an NMI is a crash.
    let halt = "systemd-run -q sh -c 'echo 1 > /proc/sys/kernel/unknown_nmi_panic; \
                kill -STOP $(pidof qemu-ga)'; sleep 999";
    let hung = Seen::of(workspace, &["vm", "run", REHEARSAL, "--", halt])?;
    let hung = hung.is(
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
        screen::error(format!("the rehearsal, {what}: {error:#}"));
    }
    result.is_ok()
}
