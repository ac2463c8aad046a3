// SPDX-License-Identifier: MIT OR Apache-2.0

//! The cases of a bench target, as it prints them.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::baseline::Count;
use crate::terminal::Waiting;
use crate::workspace::{Workspace, output};

/// What was measured of a case, for one operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    /// The bench target.
    pub(super) bench: String,
    pub(super) case: String,
    /// Nanoseconds.
    pub(super) ns: f64,
    /// Instructions, exact.
    pub(super) instructions: Option<f64>,
    /// How many times as much two threads do as one in the same time.
    pub(super) two_threads: Option<f64>,
}

impl Measured {
    /// Its count for the baseline, if valgrind was there.
    pub(super) fn count(&self) -> Option<Count> {
        let name = format!("{}: {}", self.bench, self.case);
        Some(Count::new(name, "instructions", self.instructions?))
    }
}

/// Runs a bench target of a package.
pub(super) fn run(
    workspace: &Workspace,
    package: &str,
    target: &str,
    quick: bool,
) -> Result<Vec<Measured>> {
    let mut cargo = workspace.cargo();
    cargo.args(["bench", "--quiet", "--package", package, "--bench", target]);
    cargo.args(["--", "--json"]);
    cargo.args(quick.then_some("--quick"));
    let waiting = Waiting::on("measuring");
    let text = output(&mut cargo)?;
    drop(waiting);
    let read = |line: &str| {
        serde_json::from_str(line).with_context(|| format!("{target} printed no figures: {line}"))
    };
    let measured = text.lines().map(read).collect::<Result<Vec<_>>>()?;
    ensure!(!measured.is_empty(), "{target} measured nothing");
    Ok(measured)
}

/// The figures as a table.
pub(super) fn table(measured: &[Measured]) -> String {
    let widths = measured.iter().map(|it| it.case.chars().count());
    let width = widths.max().unwrap_or_default();
    let mut lines = vec![format!(
        "{:width$}  {:>12}  {:>12}  {:>11}",
        "", "ns", "instructions", "two threads"
    )];
    for it in measured {
        let instructions = it
            .instructions
            .map_or_else(String::new, |it| format!("{it:.1}"));
        let two = it
            .two_threads
            .map_or_else(String::new, |it| format!("{it:.2} x"));
        let (case, ns) = (&it.case, it.ns);
        let line = format!("{case:width$}  {ns:>12.1}  {instructions:>12}  {two:>11}");
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}
