// SPDX-License-Identifier: MIT OR Apache-2.0

//! The summary of a report, as printed at the end of a run: what was found, then a short
//! table. The verdict follows it.

mod cycles;
mod detailed;
pub(super) mod faults;
mod findings;
mod short;

use scenarios::{Coverage, Report};

/// How much the summary says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The table of what matters.
    Short,
    /// All counts, and what was not covered.
    All,
}

/// The summary of `report`; `again` returns the command that runs a cycle again.
pub(crate) fn of(
    report: &Report,
    coverage: Option<&Coverage>,
    detail: Detail,
    again: impl Fn(u64) -> String,
) -> String {
    let mut parts = findings::lines(report, again);
    if detail == Detail::All {
        parts.extend(coverage.map(not_covered));
        parts.push(detailed::table(report).to_string());
    }
    parts.extend(faults::text(report));
    parts.push(short::table(report, coverage).to_string());
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// What was not covered, and what cannot be covered.
fn not_covered(coverage: &Coverage) -> String {
    let missing = [
        &coverage.edges,
        &coverage.transitions,
        &coverage.races,
        &coverage.faults,
    ];
    let missing = missing.into_iter().flat_map(|part| &part.missing);
    let missing = missing.map(|what| format!("missing: {what}"));
    let beyond = coverage.beyond.iter();
    let beyond = beyond.map(|what| format!("only after a fault: {what}"));
    let impossible = coverage.impossible.iter();
    let impossible = impossible.map(|(what, why)| format!("cannot race: {what}: {why}"));
    let lines: Vec<_> = missing.chain(beyond).chain(impossible).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_and_what_is_impossible_has_its_reason() {
        let report = Report::new("sim", 7, 10);
        let coverage = Coverage::of(&report);
        let text = of(&report, Some(&coverage), Detail::All, |_| String::new());
        for part in [
            "missing: client absent > loading\n",
            "missing: client absent > loading, peer idle\n",
            "cannot race: provider absent > loading, client detaching > idle: the modules are never",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
