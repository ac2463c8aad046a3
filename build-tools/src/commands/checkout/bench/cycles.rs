// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the time of the pair's cycles in the simulated kernel goes.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::simulator::{self, Simulator};
use crate::terminal::Waiting;
use crate::workspace::Workspace;

/// The cycles that are measured.
const CYCLES: u32 = 2000;
const SEED: &str = "3";

/// What cycles cost, times in microseconds of processor time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Cycles {
    /// Their number.
    #[serde(rename = "cycles")]
    number: u64,
    user: u64,
    system: u64,
    page_faults: u64,
    exceptions: u64,
    pub(super) kinds: Vec<Cost>,
}

/// What work of one kind costs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Cost {
    kind: String,
    times: u64,
    time: u64,
}

/// Runs cycles of the pair in one process.
pub(super) fn run(workspace: &Workspace) -> Result<Cycles> {
    let waiting = Waiting::on("measuring cycles");
    let cycles = measure(workspace, 0, CYCLES, &[]);
    drop(waiting);
    cycles
}

/// Runs these cycles of the pair in one process, with options of the simulator.
pub(super) fn measure(
    workspace: &Workspace,
    first: u32,
    number: u32,
    options: &[&str],
) -> Result<Cycles> {
    #[derive(Deserialize)]
    struct Line {
        costs: Cycles,
    }
    let simulator = Simulator::new(workspace);
    let mut command = simulator.command(&workspace.driver("provider"), &workspace.driver("client"));
    simulator::add_alternatives(&mut command, workspace);
    command.args(["--seed", SEED, "--costs"]);
    command.arg(format!("--first={first}"));
    command.arg(format!("--cycles={number}")).args(options);
    let output = simulator::output(&mut command)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let found = lines.find_map(|line| serde_json::from_str::<Line>(line).ok());
    let errors = String::from_utf8_lossy(&output.stderr);
    let found = found.with_context(|| simulator::error_of(&errors).to_owned())?;
    Ok(found.costs)
}

impl Cost {
    /// Its time for a bar.
    #[expect(clippy::cast_precision_loss, reason = "a bar needs no 53 bits")]
    pub(super) fn bar(&self) -> (&str, f64) {
        (&self.kind, self.time as f64)
    }
}

impl Cycles {
    /// The processor time of a cycle, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "a time needs no 53 bits")]
    pub(super) fn each(&self) -> f64 {
        (self.user + self.system) as f64 / self.number.max(1) as f64
    }

    /// The figures as a table, for one cycle.
    #[expect(clippy::cast_precision_loss, reason = "a time needs no 53 bits")]
    pub(super) fn table(&self) -> String {
        let all = (self.user + self.system) as f64;
        let each = |of: u64| of as f64 / self.number.max(1) as f64;
        let mut lines = vec![format!(
            "{:.0} µs of processor time, {:.0} % of it in Linux; {:.1} page faults, {:.1} exceptions",
            all / self.number.max(1) as f64,
            100.0 * self.system as f64 / all.max(1.0),
            each(self.page_faults),
            each(self.exceptions),
        )];
        for cost in &self.kinds {
            lines.push(format!(
                "{:<12} {:>6.1} µs  {:>3.0} %  {:>8.1} times",
                cost.kind,
                each(cost.time),
                100.0 * cost.time as f64 / all.max(1.0),
                each(cost.times),
            ));
        }
        lines.join("\n")
    }
}
