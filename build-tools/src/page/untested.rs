// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a run has not tested, and why.

use maud::{Markup, html};
use scenarios::{Covered, Report};

use super::Page;
use crate::terminal::{Word, count, grouped};

/// The number of missing items that are listed.
const MOST: usize = 100;

/// Everything that was not tested.
pub(super) fn list(page: &Page<'_>) -> Markup {
    let reasons = reasons(page);
    let parts = page.coverage.map(|coverage| {
        [
            (
                "State transitions that were not made",
                &coverage.transitions,
            ),
            ("Races that did not happen", &coverage.races),
            ("Faults that were not injected", &coverage.faults),
        ]
    });
    html! {
        @if reasons.is_empty() {
            p { "All cycles ran to their end, and every check was made." }
        } @else {
            ul { @for reason in reasons { li { (reason) } } }
        }
        @for (what, part) in parts.into_iter().flatten() { (missing(what, part)) }
        @if let Some(coverage) = page.coverage {
            details {
                summary {
                    (count(coverage.impossible.len() as u64, "pair", "pairs"))
                    " of transitions that cannot race, and why"
                }
                ul { @for (pair, why) in &coverage.impossible { li { (pair) ": " (why) } } }
            }
        }
    }
}

/// The parts of the coverage that are missing.
fn missing(what: &str, part: &Covered) -> Markup {
    let left_out = part.missing.len().saturating_sub(MOST);
    html! {
        @if !part.missing.is_empty() {
            details {
                summary { (what) ": " (part.missing.len()) " of " (part.possible) }
                ul { @for it in part.missing.iter().take(MOST) { li { (it) } } }
                @if left_out > 0 { p { (left_out) " more are in the report as JSON." } }
            }
        }
    }
}

fn reasons(page: &Page<'_>) -> Vec<String> {
    let report = page.report;
    let counts = &report.counts;
    let mut reasons = Vec::new();
    if page.verdict.word() == Word::NotTested {
        reasons.push(page.verdict.sentence().to_owned());
    }
    let left = report.cycles_requested.saturating_sub(report.cycles_done);
    if left > 0 {
        let cycles = count(
            left,
            "cycle that was asked for was",
            "cycles that were asked for were",
        );
        reasons.push(format!("{cycles} not run"));
    }
    let ended: u64 = report.findings.iter().map(|finding| finding.count).sum();
    if ended > 0 {
        let cycles = count(ended.min(report.cycles_done), "cycle", "cycles");
        reasons.push(format!(
            "{cycles} ended at a finding, so that nothing after it was tested"
        ));
    }
    let cut_short = report.cut_short();
    if cut_short > 0 {
        let cycles = count(cut_short, "cycle was", "cycles were");
        reasons.push(format!(
            "{cycles} cut short where a driver uses what this kernel does not provide"
        ));
    }
    if counts.cycles_cut_short > 0 {
        let cycles = count(counts.cycles_cut_short, "cycle", "cycles");
        reasons.push(format!(
            "{cycles} ended early, with a finding that is ignored"
        ));
    }
    if counts.leaks.is_none() {
        reasons.push("Leaks are not checked on this tier".to_owned());
    }
    if page.coverage.is_none() {
        reasons.push("State transitions and races are not seen on this tier".to_owned());
    }
    reasons.extend(of_kernel(report));
    reasons.extend(of_npis(report));
    reasons
}

/// What this kernel does not have.
fn of_kernel(report: &Report) -> Vec<String> {
    let missing = report.missing_imports.iter();
    let missing = missing.map(|(image, imports)| imports.line(image));
    let absent = report.mechanisms_absent.iter();
    let absent = absent.map(|it| format!("Loads and unloads by {it}: this kernel has none"));
    let refused = report.counts.refused_loads.iter();
    let refused = refused.map(|(refusal, times)| {
        let times = count(*times, "load was", "loads were");
        format!("{times} refused by the driver: {refusal}")
    });
    missing.chain(absent).chain(refused).collect()
}

/// The checks that were not made for an NPI.
fn of_npis(report: &Report) -> impl Iterator<Item = String> {
    report.counts.npis.iter().filter_map(|(id, npi)| {
        let checks: Vec<_> = npi.not_checked.iter().map(String::as_str).collect();
        let why = match (&npi.name, npi.attaches_without_functions) {
            (None, _) => "it is not described",
            (Some(_), _) => "no function is in its dispatch tables",
        };
        let attaches = grouped(npi.attaches);
        (!checks.is_empty()).then(|| {
            format!(
                "NPI {id} ({attaches} attaches): {why}, so not checked: {}",
                checks.join("; ")
            )
        })
    })
}
