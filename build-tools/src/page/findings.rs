// SPDX-License-Identifier: MIT OR Apache-2.0

//! Findings, notes, and what cut cycles short: each with its place, its call stack and
//! the command that shows it again.

use std::collections::BTreeSet;

use maud::{Markup, PreEscaped, html};
use scenarios::{Finding, Frame, Place, Unsupported};

use super::{Page, excerpt, wide};
use crate::explanations::{self, Explanation};
use crate::terminal::count;

/// The number of findings that are shown in full.
const IN_FULL: usize = 16;
/// The number of findings that are listed after those.
const LISTED: usize = 200;
/// The number of frames of a call stack, and of moments of a history.
const LONGEST: usize = 12;
/// The number of frames with the lines of their sources.
const WITH_SOURCE: usize = 6;
/// The room for all diagrams, in bytes, and that which each has in any case.
const DIAGRAMS: usize = 100 << 10;
const DIAGRAM: usize = 8 << 10;

/// All findings.
pub(super) fn findings(page: &Page<'_>) -> Markup {
    let findings = &page.report.findings;
    if findings.is_empty() {
        return html! { p { "Nothing that a driver did wrong was found." } };
    }
    let mut codes = BTreeSet::new();
    let mut room = DIAGRAMS;
    html! {
        @for (index, finding) in findings.iter().take(IN_FULL).enumerate() {
            @let is_first = codes.insert(&finding.code);
            @let drawn = || (page.diagram)(finding, room.max(DIAGRAM));
            @let diagram = is_first.then(drawn).flatten();
            @let taken = diagram.as_ref().map_or(0, String::len);
            @let () = room = room.saturating_sub(taken);
            (article(page, "finding", index, finding, is_first, diagram))
        }
        (more(&findings[findings.len().min(IN_FULL)..]))
    }
}

/// All notes: they are no failures.
pub(super) fn notes(page: &Page<'_>) -> Markup {
    let notes = &page.report.notes;
    html! {
        p { "Worth knowing, but no failure." }
        @for (index, note) in notes.iter().take(IN_FULL).enumerate() {
            (article(page, "note", index, note, true, None))
        }
        (more(&notes[notes.len().min(IN_FULL)..]))
    }
}

/// Those that are not shown in full.
fn more(findings: &[Finding]) -> Markup {
    if findings.is_empty() {
        return html! {};
    }
    let left_out = findings.len().saturating_sub(LISTED);
    let rows = html! {
        thead { tr { th scope="col" { "Code" } th scope="col" { "Place" } th scope="col" { "Cycle" } } }
        tbody {
            @for finding in findings.iter().take(LISTED) {
                tr {
                    th scope="row" { (finding.code) }
                    td.text { (subject(&finding.driver, finding.instance, finding.offset, finding.place.as_ref())) }
                    td { (finding.cycle) }
                }
            }
        }
    };
    html! {
        (wide("More findings", &rows))
        @if left_out > 0 { p { (left_out) " more are in the report as JSON." } }
    }
}

/// One finding, open if it is the first; `is_first` of its code.
fn article(
    page: &Page<'_>,
    kind: &str,
    index: usize,
    finding: &Finding,
    is_first: bool,
    diagram: Option<String>,
) -> Markup {
    let Finding {
        driver,
        instance,
        offset,
        place,
        ..
    } = finding;
    let place = place.as_ref();
    let id = format!("{kind}-{}", index + 1);
    html! {
        article #(id) {
            details open[kind == "finding" && index == 0] {
                summary {
                    h3 { (finding.code) " " (subject(driver, *instance, *offset, place)) }
                    span { (seen(finding)) }
                }
                p { (finding.what) }
                @if let Some([first, second, third, fourth]) = finding.parameters {
                    p {
                        "Parameters: "
                        code { (format!("{first:#x}, {second:#x}, {third:#x}, {fourth:#x}")) }
                    }
                }
                (explained(finding, is_first))
                @for point in finding.rests_on() { p { "Rests on " (point.text) "." } }
                @if finding.stack.is_empty() {
                    (place.and_then(|place| excerpt::around(place, page.sources)).unwrap_or_default())
                } @else {
                    (stack(page, &finding.stack))
                }
                @if let Some(diagram) = diagram {
                    figure.diagram {
                        figcaption { "Cycle " (finding.cycle) ", thread by thread" }
                        div.wide role="region" aria-label="Sequence diagram" tabindex="0" {
                            (PreEscaped(diagram))
                        }
                    }
                } @else if page.coverage.is_some() {
                    // Only the simulated kernel can run a cycle again.
                    p { "The command below draws the cycle if it has " code { "--diagram FILE" } "." }
                }
                (history(&finding.history))
                (again(page, finding.cycle))
            }
        }
    }
}

/// What the rule says that was broken, or what the bug check is about; `in_full` with a
/// typical defect.
fn explained(finding: &Finding, in_full: bool) -> Markup {
    let Some(Explanation {
        title,
        rule,
        source,
        defect,
        correct,
        ..
    }) = explanations::of(finding)
    else {
        return html! {
            @if !finding.rule.is_empty() { p.rule { strong { "Rule: " } (finding.rule) } }
        };
    };
    html! {
        div.rule {
            p { strong { (finding.code) ": " (title) } ". " (rule) " " a href=(source) { "Microsoft's page" } }
            @if in_full {
                details {
                    summary { "A typical defect, and how it looks right" }
                    p { (defect) }
                    pre tabindex="0" { code { (correct) } }
                }
            }
        }
    }
}

/// How often a finding was seen, and where first.
fn seen(finding: &Finding) -> String {
    let kernels: Vec<_> = finding.kernels.iter().map(String::as_str).collect();
    let kernels = match kernels.len() {
        0 => String::new(),
        1 => format!(", kernel {}", kernels[0]),
        _ => format!(", kernels {}", kernels.join(", ")),
    };
    let thread = match &*finding.thread {
        "" => String::new(),
        thread => format!(", thread {thread}"),
    };
    format!(
        "seen in {}, first in cycle {}{thread}{kernels}",
        count(finding.count, "cycle", "cycles"),
        finding.cycle
    )
}

/// The driver and the place in it.
fn subject(driver: &str, instance: u8, offset: Option<u32>, place: Option<&Place>) -> String {
    let instance = match instance {
        1 => String::new(),
        more => format!("#{more}"),
    };
    let at = match (place, offset) {
        (Some(place), _) => format!(" {place}"),
        (None, Some(offset)) => format!("+{offset:#x}"),
        (None, None) => String::new(),
    };
    format!("{driver}{instance}{at}")
}

/// The call stack, each function with the lines of its source.
fn stack(page: &Page<'_>, stack: &[Frame]) -> Markup {
    let left_out = stack.len().saturating_sub(LONGEST);
    let rows = html! {
        thead { tr { th scope="col" { "Function" } th scope="col" { "Source" } } }
        tbody {
            @for (index, frame) in stack.iter().take(LONGEST).enumerate() {
                @let source = frame.place.as_ref().filter(|_| index < WITH_SOURCE);
                @let source = source.and_then(|place| excerpt::around(place, page.sources));
                tr {
                    th scope="row" { code { (frame) } }
                    td { (source.unwrap_or_default()) }
                }
            }
        }
    };
    html! {
        (wide("Call stack, the innermost function first", &rows))
        @if left_out > 0 { p { (left_out) " more frames are in the report as JSON." } }
    }
}

/// What had happened before.
fn history(moments: &[String]) -> Markup {
    if moments.is_empty() {
        return html! {};
    }
    let left_out = moments.len().saturating_sub(LONGEST);
    html! {
        h4 { "What had happened before, the oldest first" }
        @if left_out > 0 { p { (left_out) " earlier moments are in the report as JSON." } }
        ol { @for moment in &moments[left_out..] { li { (moment) } } }
    }
}

/// The command that shows a cycle again.
fn again(page: &Page<'_>, cycle: u64) -> Markup {
    html! {
        h4 { "See it again" }
        pre tabindex="0" { code { ((page.again)(cycle)) } }
    }
}

/// What cut cycles short because the kernel does not provide it.
pub(super) fn unsupported(page: &Page<'_>) -> Markup {
    let all = &page.report.unsupported;
    let left_out = all.len().saturating_sub(IN_FULL);
    html! {
        p { "A driver used what the kernel of this tier does not provide; such a cycle has tested \
             nothing after that." }
        @for (index, it) in all.iter().take(IN_FULL).enumerate() { (cut_short(page, index, it)) }
        @if left_out > 0 { p { (left_out) " more are in the report as JSON." } }
    }
}

fn cut_short(page: &Page<'_>, index: usize, it: &Unsupported) -> Markup {
    let id = format!("unsupported-{}", index + 1);
    let driver = match &*it.driver {
        "" => "a driver",
        driver => driver,
    };
    let cycles = count(it.count, "cycle", "cycles");
    html! {
        article #(id) {
            details open[index == 0] {
                summary {
                    h3 { (driver) " " (it.what) }
                    span { (cycles) ", first in cycle " (it.cycle) ", thread " (it.thread) }
                }
                p { (subject(&it.driver, it.instance, it.offset, it.place.as_ref())) }
                (stack(page, &it.stack))
                (again(page, it.cycle))
            }
        }
    }
}
