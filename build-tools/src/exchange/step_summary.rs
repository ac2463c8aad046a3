// SPDX-License-Identifier: MIT OR Apache-2.0

//! The report as Markdown, below the other steps of a GitHub workflow.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use scenarios::Finding;

use super::{Exchange, explained};
use crate::terminal::grouped;

/// The most findings that are shown: a step's summary has a limit.
const MOST: usize = 50;

/// Appends the summary of a run to the file.
pub(super) fn append(path: &Path, run: &Exchange<'_>) -> Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text(run).as_bytes()));
    written.with_context(|| {
        format!(
            "GITHUB_STEP_SUMMARY {} cannot be written: unset it",
            path.display()
        )
    })
}

fn text(run: &Exchange<'_>) -> String {
    let report = run.report;
    let counts = &report.counts;
    let numbers = [
        report.cycles_done,
        counts.attaches,
        counts.detaches,
        counts.detaches_pending,
        counts.calls,
        report.findings.len() as u64,
        report.cut_short(),
    ];
    let mut parts = vec![
        format!("### NMR stress ({})\n", report.tier),
        format!("**{}**\n", escaped(&run.verdict.to_string())),
        "| cycles | attaches | detaches | pended | calls | findings | cut short |".to_owned(),
        "|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
        format!("| {} |\n", numbers.map(grouped).join(" | ")),
    ];
    if !report.findings.is_empty() {
        parts.push("| finding | where | what | run it again |\n|---|---|---|---|".to_owned());
    }
    let findings = report.findings.iter();
    parts.extend(findings.take(MOST).map(|finding| row(run, finding)));
    if let Some(more) = report.findings.len().checked_sub(MOST).filter(|it| *it > 0) {
        parts.push(format!("\nand {more} more"));
    }
    parts.push(format!("\n`{}`\n\n", run.command));
    parts.join("\n")
}

fn row(run: &Exchange<'_>, finding: &Finding) -> String {
    let (name, explanation) = explained(finding);
    let code = match explanation {
        Some(it) => format!("[{name}]({})", it.source),
        None => name.to_owned(),
    };
    let place = finding.place.as_ref().map(ToString::to_string);
    let place = escaped(&format!("{} {}", finding.driver, place.unwrap_or_default()));
    let again = (run.again)(finding.seed, finding.cycle);
    format!(
        "| {code} | {place} | {} | `{again}` |",
        escaped(&finding.what)
    )
}

/// A text without what Markdown would take for its own.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' => escaped.push(' '),
            '|' | '*' | '_' | '`' | '\\' | '[' | ']' => escaped.extend(['\\', letter]),
            _ => escaped.push(letter),
        }
    }
    escaped
}
