// SPDX-License-Identifier: MIT OR Apache-2.0

//! The short table of a run: what shows that it has tested the drivers.

use scenarios::{Coverage, Covered, Report};

use super::detailed::rounded;
use crate::terminal::{Table, grouped};

/// The rows of every run.
pub(super) fn table(report: &Report, coverage: Option<&Coverage>) -> Table {
    let counts = &report.counts;
    let mut table = Table::default();
    table.add(
        "pairs loaded and unloaded",
        report.pair_cycles,
        format!(
            "{} per second",
            grouped(rounded(report.pair_cycles_per_second))
        ),
    );
    table.add("attaches", counts.attaches, "");
    let pended = format!(
        "of {}: {} of clients, {} of providers",
        grouped(counts.detaches),
        grouped(counts.detaches_pending_client),
        grouped(counts.detaches_pending_provider)
    );
    table.add("detaches that pended", counts.detaches_pending, pended);
    let in_flight = &counts.histograms.in_flight_at_detach;
    if !in_flight.is_empty() {
        let most = format!("at most {} at once", grouped(in_flight.max()));
        table.add("calls in flight at detach", in_flight.sum(), most);
    }
    let completed = format!("{} completed later", grouped(counts.completions));
    table.add("calls into providers", counts.calls, completed);
    let unknown = report
        .counts
        .npis
        .iter()
        .filter(|(_, npi)| npi.name.is_none());
    let unknown: Vec<_> = unknown.map(|(id, _)| id.to_string()).collect();
    table.add_if_any(
        "NPIs without description",
        unknown.len() as u64,
        format!(
            "{}: calls that pend are not known, --npi FILE",
            unknown.join(", ")
        ),
    );
    if let Some(coverage) = coverage {
        let mut add = |what, part: &Covered, by| {
            let missing = missing(part);
            let remark = format!("of {}, {by}{missing}", grouped(part.possible as u64));
            table.add(what, part.covered as u64, remark);
        };
        add(
            "state transitions",
            &coverage.transitions,
            "by the peer's state",
        );
        add("racing transitions", &coverage.races, "by order");
        if coverage.faults.possible > 0 {
            let by = "each in its order of loads and unloads";
            add("faults", &coverage.faults, by);
        }
    }
    let kernels: Vec<_> = report
        .kernels
        .iter()
        .map(|(kernel, cycles)| format!("{kernel} {}", grouped(*cycles)))
        .collect();
    table.add_if_any("kernels", kernels.len() as u64, kernels.join(", "));
    table.add("cycles cut short", report.cut_short(), unsupported(report));
    let ignored = counts.ignored.values().sum();
    table.add("findings ignored", ignored, ended_early(report));
    let matches = counts.ignore_matches.iter();
    for (pattern, _) in matches.filter(|(_, times)| **times == 0) {
        table.add(
            "matches of --ignore",
            0,
            format!("{pattern} matched nothing"),
        );
    }
    table.add_if_any("notes, no failure", report.notes.len() as u64, "see above");
    table
}

/// The items that are missing, if they are few.
fn missing(part: &Covered) -> String {
    /// At most this many are listed.
    const FEW: usize = 2;
    match part.missing.len() {
        0 => String::new(),
        1..=FEW => format!("; not {}", part.missing.join("; ")),
        many => format!("; {many} are missing: --verbose lists them"),
    }
}

fn unsupported(report: &Report) -> &'static str {
    match report.cut_short() {
        0 => "",
        _ => "see UNSUPPORTED above",
    }
}

/// The cycles that an ignored finding ended.
fn ended_early(report: &Report) -> String {
    match report.counts.cycles_cut_short {
        0 => String::new(),
        cycles => format!("{} cycles ended early because of that", grouped(cycles)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_and_names_what_is_missing() {
        let mut report = Report::new("sim", 7, 10);
        report.add_kernel("windows");
        report.counts.attaches = 4657;
        let text = table(&report, Some(&Coverage::of(&report))).to_string();
        assert!(text.lines().count() <= 12, "{text}");
        for part in [
            "attaches                   4,657\n",
            "state transitions              0  of 48, by the peer's state; 48 are missing: ",
            "racing transitions             0  of 32, by order; 32 are missing: ",
            "kernels                        1  windows 1\n",
            "cycles cut short               0\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
