// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a run found, each with the command that shows it again.

use scenarios::{Finding, Frame, Report};

use crate::explanations;
use crate::terminal::PROGRAM;

/// The number of stack frames shown.
const FRAMES: usize = 6;

/// What the kernel does not provide, the notes, and the findings, as lines.
pub(super) fn lines(report: &Report, again: impl Fn(u64) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    for unsupported in &report.unsupported {
        lines.push(unsupported.to_string());
        add_stack(&mut lines, &unsupported.stack);
        lines.push(format!("    again: {}", again(unsupported.cycle)));
    }
    for note in &report.notes {
        add(&mut lines, "note", note, &again(note.cycle));
    }
    for finding in &report.findings {
        add(&mut lines, "finding", finding, &again(finding.cycle));
    }
    lines
}

fn add(lines: &mut Vec<String>, kind: &str, finding: &Finding, again: &str) {
    lines.push(format!("{kind}: {finding}"));
    if !finding.rule.is_empty() {
        lines.push(format!("    rule: {}", finding.rule));
    }
    add_stack(lines, &finding.stack);
    let history = finding.history.iter();
    lines.extend(history.map(|moment| format!("    before: {moment}")));
    lines.push(format!("    again: {again}"));
    if let Some(explanation) = explanations::of(finding) {
        let name = &explanation.name;
        lines.push(format!("    why: {PROGRAM} explain {name}"));
    }
}

fn add_stack(lines: &mut Vec<String>, stack: &[Frame]) {
    let shown = stack.iter().take(FRAMES);
    lines.extend(shown.map(|frame| format!("    in {frame}")));
    if let Some(more @ 1..) = stack.len().checked_sub(FRAMES) {
        lines.push(format!("    in {more} more, which --json lists"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_named_with_its_driver_and_how_to_see_it_again() {
        let mut report = Report::new("sim", 7, 10);
        let frame = Frame {
            module: "client.sys".to_owned(),
            offset: Some(0x1234),
            place: None,
        };
        report.add_finding(Finding {
            rule: "Wait before you go".to_owned(),
            driver: "client.sys".to_owned(),
            offset: Some(0x1150),
            stack: vec![frame; FRAMES + 2],
            ..Finding::bare("R29", "DriverUnload returned too early".to_owned(), 7, 3)
        });
        let text = lines(&report, |cycle| format!("run seed=7,cycle={cycle}")).join("\n");
        for part in [
            "finding: R29 client.sys+0x1150: DriverUnload returned too early",
            "    rule: Wait before you go\n",
            "    in client.sys+0x1234\n",
            "    in 2 more, which --json lists\n",
            "    again: run seed=7,cycle=3",
            " explain R29",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
