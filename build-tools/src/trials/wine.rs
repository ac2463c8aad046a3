// SPDX-License-Identifier: MIT OR Apache-2.0

//! Trials of the Wine tier: a short clean run, and a driver that crashes Wine's kernel.

use anyhow::{Context, Result};
use wine::Run;

use crate::building::wine_prefix;
use crate::stress::summary::{self, Detail};
use crate::terminal::{self, print};
use crate::workspace::Workspace;
use crate::zoo::{Catalogue, Workshop};

/// A module whose thread runs in its image after the unload.
pub(super) const CRASHING_MODULE: &str = "thread_left";

/// A short run of the pair. Besides being clean, it must have exercised what this tier
/// is for, and must leave nothing behind.
pub(crate) fn clean_run_passes(workspace: &Workspace) -> Result<bool> {
    const CYCLES: u64 = 100;
    const SEED: u64 = 1;

    let Some(payload) = wine_prefix::payload(workspace)? else {
        return Ok(false);
    };
    let prefix = wine_prefix::create(workspace, &payload)?;
    let run = Run {
        provider: &workspace.driver("provider"),
        client: &workspace.driver("client"),
        tier: wine_prefix::TIER,
        seed: SEED,
        first: 0,
        cycles: CYCLES,
        options: &[wine::probe()],
    };
    let report = run.perform(&prefix, |_| {})?.report;
    print(summary::of(&report, None, Detail::Short, |cycle| {
        format!("cargo xtask stress --on wine --seed {SEED} --first {cycle} --cycles 1")
    }));
    let path = prefix.path().to_owned();
    drop(prefix);
    let counts = &report.counts;
    let expectations = [
        (report.is_clean(), "all cycles ran and nothing was found"),
        (
            counts.mechanisms.len() == 2,
            "drivers were loaded and unloaded by two mechanisms",
        ),
        (
            counts.detaches_pending_client > 0 && counts.detaches_pending_provider > 0,
            "detaches were pending on both sides",
        ),
        (
            counts.unloads_overlapped > 0,
            "both drivers were unloading at once",
        ),
        (
            counts.calls > 0 && counts.completions > 0,
            "requests were submitted and completed",
        ),
        (!path.exists(), "the prefix was removed"),
        (
            !wine::has_processes(&path)?,
            "no process of the session is running",
        ),
    ];
    let mut passed = true;
    for (holds, what) in expectations {
        if !holds {
            terminal::error(format!("under Wine this must hold: {what}"));
            passed = false;
        }
    }
    Ok(passed)
}

/// A module whose image is touched after its unload must make `stress` fail and name the
/// driver.
pub(crate) fn crash_names_the_driver(workspace: &Workspace) -> Result<bool> {
    const CYCLES: u64 = 60;

    let recipe = Catalogue::read(workspace)?.recipe(CRASHING_MODULE)?;
    let image = Workshop::open(workspace)?.make(&recipe)?;
    let role = recipe.role;
    // Through cargo, as a user would: a test may have replaced this program's file.
    let output = workspace
        .cargo()
        .args([
            "xtask", "stress", "--on", "wine", "--jobs", "1", "--seed", "1",
        ])
        // Further instances are copies with other names.
        .arg("--instances=1x1")
        .args(["--cycles", &CYCLES.to_string()])
        .arg(format!("--{}", role.name()))
        .arg(&image)
        .arg(format!("--{}", role.peer().name()))
        .arg(workspace.driver(role.peer().name()))
        .output()
        .context("cargo cannot be run")?;
    let output_text = String::from_utf8_lossy(&output.stdout);
    let named = format!("fault {}.sys+", role.name());
    if output.status.code() == Some(1) && output_text.contains(&named) {
        return Ok(true);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    terminal::error(format!(
        "{}: `stress` exited with {} and did not print `{named}`: {output_text}{errors}",
        recipe.name, output.status
    ));
    Ok(false)
}
