// SPDX-License-Identifier: MIT OR Apache-2.0

//! A trial of peers: drivers of the pair and of the example with peers that keep the
//! contract, and the pair and that in C beside peers that break it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use child::program::own_path;
use scenarios::Report;
use tempfile::TempDir;

use crate::building::interop;
use crate::workspace::Workspace;

/// Nothing is found, and detaches pend on both sides. Returns `true` if that is so; an error
/// says what is not.
pub(crate) fn nothing_is_found(workspace: &Workspace) -> Result<bool> {
    let driver = |name: &str| workspace.driver(name);
    interop::build(workspace)?;
    let in_c = |name: &str| workspace.interop().join(name);
    let example = |name: &str| workspace.example().join(name).with_extension("sys");
    for (drivers, peer, cycles) in [
        (vec![driver("provider")], "auto", "200"),
        (vec![driver("client")], "auto", "200"),
        (vec![example("keyvalue_provider")], "auto", "100"),
        (vec![example("keyvalue_client")], "auto", "100"),
        (vec![driver("provider"), driver("client")], "hostile", "100"),
        (
            vec![in_c("echo_provider.sys"), in_c("echo_client.sys")],
            "hostile",
            "100",
        ),
    ] {
        let report = run(workspace, &drivers, peer, cycles)
            .with_context(|| format!("{drivers:?} with --peer {peer}"))?;
        let counts = &report.counts;
        ensure!(
            counts.detaches_pending_client > 0 && counts.detaches_pending_provider > 0,
            "{drivers:?} with --peer {peer}: no detach pended on one side"
        );
    }
    Ok(true)
}

fn run(workspace: &Workspace, drivers: &[PathBuf], peer: &str, cycles: &str) -> Result<Report> {
    let directory = TempDir::new()?;
    let json = directory.path().join("report.json");
    let mut command = Command::new(own_path());
    command
        .current_dir(workspace.root())
        .args(["xtask", "stress", "--kernel", "both", "--seed", "1"])
        .args(["--cycles", cycles, "--peer", peer, "--json"])
        .arg(&json)
        .stdin(Stdio::null());
    for driver in drivers {
        command.arg("--driver").arg(driver);
    }
    let output = command.output().context("this program cannot be run")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{printed}{errors}");
    Ok(serde_json::from_slice(&std::fs::read(json)?)?)
}
