// SPDX-License-Identifier: MIT OR Apache-2.0

//! A trial of shards as a Slurm array job, on a cluster that is this machine: one task is
//! killed and queued again, and the merged report is that of one run.

mod cluster;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use child::program::own_path;
use scenarios::Report;
use tempfile::TempDir;

use crate::terminal::print;
use crate::workspace::{Workspace, output};
use cluster::Cluster;

/// The tasks of the job, and the one that is killed.
const TASKS: u32 = 8;
const KILLED: u32 = 3;
/// The run: long enough that a task can be seen.
const RUN: [&str; 4] = ["--cycles", "8000", "--seed", "3"];
/// The time that the job has.
const PATIENCE: Duration = Duration::from_mins(10);

/// The shards of a run, one of them killed, give the report of the whole run. Returns `true`
/// if that is so; an error says what is not.
pub(crate) fn shards_are_one_run(workspace: &Workspace) -> Result<bool> {
    let directory = TempDir::new()?;
    let reports = directory.path().join("reports");
    fs::create_dir(&reports)?;
    let whole = directory.path().join("whole.json");
    let merged = directory.path().join("merged.json");
    own(workspace, "stress", &RUN, &[], &whole)?;

    let cluster = Cluster::start(&directory.path().join("cluster"))?;
    let job = submit(workspace, &cluster, &reports)?;
    let task = format!("{job}_{KILLED}");
    let report = reports.join(format!("{KILLED}.json"));
    kill_when_seen(&report)?;
    wait(&cluster, &job)?;
    let state = cluster.output("scontrol", &["show", "job", &task])?;
    ensure!(
        state.contains("Restarts=1"),
        "task {task} was killed, and not queued again: {state}"
    );
    print(format!("task {task} was killed and ran again"));

    let parts: Vec<_> = (1..=TASKS)
        .map(|task| reports.join(format!("{task}.json")))
        .collect();
    own(workspace, "merge", &[], &parts, &merged)?;
    let read = |file: &Path| -> Result<Report> { Ok(serde_json::from_slice(&fs::read(file)?)?) };
    let (whole, merged) = (read(&whole)?, read(&merged)?);
    ensure!(
        whole.same_course(&merged),
        "the merged report is not that of the whole run"
    );
    Ok(true)
}

/// Runs a command of this program that writes a report.
fn own(
    workspace: &Workspace,
    command: &str,
    arguments: &[&str],
    files: &[PathBuf],
    json: &Path,
) -> Result<()> {
    let mut program = Command::new(own_path());
    program
        .current_dir(workspace.root())
        .args(["xtask", command])
        .args(arguments)
        .args(files)
        .arg("--json")
        .arg(json)
        .stdin(Stdio::null());
    output(&mut program).map(drop)
}

/// Submits the job of the documentation. Returns its number.
fn submit(workspace: &Workspace, cluster: &Cluster, reports: &Path) -> Result<String> {
    let mut sbatch = cluster.command("sbatch");
    sbatch
        .current_dir(workspace.root())
        .env("NMR", format!("{} xtask", own_path().display()))
        .args(["--parsable", &format!("--array=1-{TASKS}")])
        .arg(format!("--output={}/%a.log", reports.display()))
        .arg("tests/scale/slurm.sh")
        .arg(reports)
        .args(RUN);
    Ok(output(&mut sbatch)?.trim().to_owned())
}

/// Kills the process that is to write this report, as soon as there is one.
fn kill_when_seen(report: &Path) -> Result<()> {
    let started = Instant::now();
    let pattern = format!("stress .*{}", report.display());
    while started.elapsed() < PATIENCE {
        let mut kill = Command::new("pkill");
        kill.args(["-KILL", "-f", "--", &pattern]);
        if kill.status().context("pkill cannot be run")?.success() {
            return Ok(());
        }
        ensure!(
            !report.exists(),
            "the task was over before it could be killed"
        );
        thread::sleep(Duration::from_millis(20));
    }
    bail!("no task ran within {} s", PATIENCE.as_secs())
}

/// Waits for the job's end.
fn wait(cluster: &Cluster, job: &str) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let left = cluster.output("squeue", &["--noheader", "--jobs", job])?;
        if left.trim().is_empty() {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(1));
    }
    bail!("the job did not end within {} s", PATIENCE.as_secs())
}
