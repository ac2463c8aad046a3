// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the first command on a fresh machine does, phase by phase: everything is built in an
//! empty target directory, run once, and built again without a change. A person runs it: it
//! takes minutes, and its figures are those of the machine. Processor time depends least on
//! what else the machine does.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::building::drivers;
use crate::terminal::{Outcome, Verdict, Waiting, print, time};
use crate::workspace::{Workspace, artifact, output};

/// What the drivers are built on, down to the bindings of the kernel's headers.
const DEPENDENCIES: &str = "wdm";
/// The cycles of a run.
const CYCLES: &str = "1000";

/// A phase and what it took, in seconds.
#[derive(Clone, Debug, Serialize)]
struct Phase {
    what: &'static str,
    clock: f64,
    /// Processor time, user and system, of all processes; only Linux tells it.
    processor: Option<f64>,
}

impl Phase {
    /// Measures `body`, which starts processes and waits for them.
    fn of(what: &'static str, body: impl FnOnce() -> Result<()>) -> Result<Self> {
        let (began, before) = (Instant::now(), processor_time());
        let waiting = Waiting::on(what);
        body()?;
        drop(waiting);
        let after = processor_time();
        let phase = Self {
            what,
            clock: began.elapsed().as_secs_f64(),
            processor: after.zip(before).map(|(after, before)| after - before),
        };
        print(&phase);
        Ok(phase)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = time(Duration::from_secs_f64(self.clock));
        write!(f, "{:<42}  {clock:>11} by the clock", self.what)?;
        match self.processor {
            Some(processor) => write!(f, "  {processor:>6.1} s of processor time"),
            None => Ok(()),
        }
    }
}

/// Measures all phases, and writes them to a file if that is asked for.
pub(super) fn run(workspace: &Workspace, json: Option<&Path>) -> Result<Verdict> {
    fs::create_dir_all(workspace.target())?;
    let directory = tempfile::tempdir_in(workspace.target())
        .context("no directory can be made for the build: free some space")?;
    let root = workspace.root().to_path_buf();
    let empty = Workspace::at(root, directory.path().to_path_buf());
    let program = directory.path().join("tools/cargo-nmr");
    let tool = || {
        let mut cargo = empty.cargo();
        cargo.args(["build", "--quiet", "--profile", "tools"]);
        cargo.args(["--package", "build-tools", "--bin", "cargo-nmr"]);
        cargo.arg("--target-dir").arg(directory.path());
        output(&mut cargo).map(drop)
    };
    let dependencies = || {
        let built = drivers::images(&empty, &[DEPENDENCIES])?;
        ensure!(built.is_some(), "the drivers' dependencies do not build");
        Ok(())
    };
    let pair = || {
        let built = drivers::build(&empty)?;
        ensure!(built == Outcome::Done, "the drivers do not build");
        Ok(())
    };
    let cycles = || {
        let mut simulator = Command::new(&program);
        simulator.args(["sim", "--seed", "1", "--cycles", CYCLES]);
        for (role, name) in [("--provider", "provider"), ("--client", "client")] {
            simulator.arg(role).arg(empty.driver(name));
        }
        output(&mut simulator).map(drop)
    };
    let phases = [
        Phase::of("the tool, with the simulated kernel", tool)?,
        Phase::of("what the drivers are built on", dependencies)?,
        Phase::of("the drivers, WDM and KMDF", pair)?,
        Phase::of("1,000 cycles", cycles)?,
        Phase::of("again, nothing changed: the tool", tool)?,
        Phase::of("again, nothing changed: the drivers", pair)?,
    ];
    if let Some(file) = json {
        artifact::write_json(file, &phases)?;
    }
    let all = phases.iter().map(|it| it.clock).sum();
    Ok(Verdict::pass(format!(
        "built and run in {}",
        time(Duration::from_secs_f64(all))
    )))
}

/// The processor time in seconds of all processes that this one has started and that have
/// ended, and of those that they have waited for.
fn processor_time() -> Option<f64> {
    /// Ticks in a second, in Linux's interface to programs.
    const TICKS: f64 = 100.0;
    /// Behind the name of the program, which may contain anything.
    const CHILDREN: [usize; 2] = [13, 14];

    let status = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, status) = status.rsplit_once(") ")?;
    let fields: Vec<_> = status.split(' ').collect();
    let ticks = CHILDREN.map(|field| fields.get(field)?.parse::<f64>().ok());
    Some((ticks[0]? + ticks[1]?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_time_of_a_child_is_counted() -> Result<()> {
        let mut spin = Command::new("sh");
        spin.args(["-c", "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done"]);
        let phase = Phase::of("a loop", || output(&mut spin).map(drop))?;
        assert!(phase.processor.is_some_and(|it| it > 0.0), "{phase}");
        assert!(phase.clock > 0.0);
        Ok(())
    }
}
