// SPDX-License-Identifier: MIT OR Apache-2.0

//! The report of a run as a page: one HTML file that needs no network and no script.
//!
//! # Design
//!
//! A page is a function of its report, so that it is tested without a run. Everything is
//! text in headings, lists and tables. A colour only repeats the text next to it, and every
//! part that can be opened or scrolled can be reached by keyboard. The content security
//! policy of the page forbids everything that the page does not contain.
//!
//! # Limits
//!
//! Long lists are cut off, so that the page is small for every run. A page says what it
//! leaves out; the JSON report has everything.

mod counts;
mod coverage;
mod excerpt;
mod faults;
mod findings;
mod histogram;
mod number;
mod untested;

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use scenarios::{Coverage, Finding, Report};

use crate::terminal::{Verdict, Word, count_of, grouped};
pub(crate) use faults::FaultTable;

/// What is shown of a run.
pub(crate) struct Page<'a> {
    /// The report of the run.
    pub(crate) report: &'a Report,
    /// Its coverage, if the tier can tell it.
    pub(crate) coverage: Option<&'a Coverage>,
    /// The injected faults, if any were.
    pub(crate) faults: Option<FaultTable>,
    pub(crate) verdict: &'a Verdict,
    /// The command that runs it again.
    pub(crate) command: &'a str,
    /// Returns the command that runs a cycle again.
    pub(crate) again: &'a dyn Fn(u64) -> String,
    /// Returns the diagram of a finding's cycle as SVG, if there is one; the number is the
    /// room for it in bytes.
    pub(crate) diagram: &'a dyn Fn(&Finding, usize) -> Option<String>,
    /// The directory to which the sources' relative paths belong.
    pub(crate) sources: &'a Path,
}

/// A part of the page: its anchor, its heading, its content.
struct Section {
    id: &'static str,
    heading: String,
    content: Markup,
}

impl Page<'_> {
    /// The page as HTML.
    pub(crate) fn html(&self) -> String {
        let sections = self.sections();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                (self.head())
                body {
                    a.skip href="#content" { "Skip to the content" }
                    header {
                        h1 { "NMR stress report" }
                        p.verdict.(self.class()) { strong { (self.verdict) } }
                        (self.facts())
                    }
                    nav aria-label="Contents" {
                        ul {
                            @for section in &sections {
                                li { a href={ "#" (section.id) } { (section.heading) } }
                            }
                        }
                    }
                    main #content tabindex="-1" {
                        @for section in &sections {
                            section #(section.id) aria-labelledby={ (section.id) "-heading" } {
                                h2 #{ (section.id) "-heading" } { (section.heading) }
                                (section.content)
                            }
                        }
                    }
                }
            }
        };
        page.into_string()
    }

    fn head(&self) -> Markup {
        /// Nothing is loaded, nothing is run.
        const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
        html! {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                link rel="icon" href="data:,";
                title { (self.verdict) }
                style { (PreEscaped(include_str!("page/style.css"))) }
            }
        }
    }

    /// The class of the verdict.
    const fn class(&self) -> &'static str {
        match self.verdict.word() {
            Word::Pass => "pass",
            Word::Fail => "fail",
            _ => "incomplete",
        }
    }

    /// What ran, and how to run it again.
    fn facts(&self) -> Markup {
        let report = self.report;
        let cycles = format!(
            "{} of {}",
            grouped(report.cycles_done),
            grouped(report.cycles_requested)
        );
        html! {
            dl.facts {
                div { dt { "Tier" } dd { (report.tier) } }
                div { dt { "Cycles" } dd { (cycles) } }
                div { dt { "Seed" } dd { (report.seed) } }
                @if !report.kernels.is_empty() {
                    div { dt { "Simulated kernels" } dd { (counts::inline(&report.kernels)) } }
                }
                div { dt { "Run it again" } dd { code { (self.command) } } }
            }
        }
    }

    /// All parts that have a content, in their order.
    fn sections(&self) -> Vec<Section> {
        let section = |id, heading: &str, content| Section {
            id,
            heading: heading.to_owned(),
            content,
        };
        let report = self.report;
        let found = count_of(&report.findings, "finding", "findings");
        let mut sections = vec![section("findings", &found, findings::findings(self))];
        if !report.unsupported.is_empty() {
            let content = findings::unsupported(self);
            sections.push(section(
                "unsupported",
                "Cycles that were cut short",
                content,
            ));
        }
        sections.push(section(
            "untested",
            "Not tested, and why",
            untested::list(self),
        ));
        sections.push(section("counts", "What happened", counts::tables(report)));
        if !report.counts.histograms.is_empty() {
            let charts = histogram::charts(&report.counts.histograms);
            sections.push(section(
                "durations",
                "Durations and calls in flight",
                charts,
            ));
        }
        if let Some(coverage) = self.coverage {
            let maps = coverage::maps(report, coverage);
            sections.push(section("coverage", "Coverage of states and races", maps));
        }
        if let Some(faults) = &self.faults {
            sections.push(section("faults", "Injected faults", faults.markup()));
        }
        if !report.counts.npis.is_empty() {
            sections.push(section("npis", "NPIs", counts::npis(report)));
        }
        if !report.notes.is_empty() {
            sections.push(section("notes", "Notes", findings::notes(self)));
        }
        if !report.counts.ignored.is_empty() {
            sections.push(section(
                "ignored",
                "Ignored findings",
                counts::ignored(report),
            ));
        }
        sections
    }
}

/// A table that can be scrolled sideways, by keyboard too.
fn wide(caption: &str, rows: &Markup) -> Markup {
    html! {
        div.wide role="region" aria-label=(caption) tabindex="0" {
            table { caption { (caption) } (rows) }
        }
    }
}

#[cfg(test)]
mod tests {
    use scenarios::{Counts, Frame, Place};

    use super::*;

    fn html_of(report: &Report, verdict: &Verdict) -> String {
        let coverage = Coverage::of(report);
        let page = Page {
            report,
            coverage: Some(&coverage),
            faults: None,
            verdict,
            command: "cargo xtask stress --seed 7",
            again: &|cycle| format!("cargo xtask replay seed=7,cycle={cycle}"),
            diagram: &|finding, _| Some(format!("<svg>{}</svg>", finding.code)),
            sources: Path::new(env!("CARGO_MANIFEST_DIR")),
        };
        page.html()
    }

    fn finding(code: &str, offset: u32) -> Finding {
        let place = Place {
            function: "<T>::f".to_owned(),
            file: Some("src/page.rs".to_owned()),
            line: Some(1 + offset % 40),
        };
        let frame = Frame {
            module: "client.sys".to_owned(),
            offset: Some(offset),
            place: Some(place),
        };
        Finding {
            driver: "client.sys".to_owned(),
            offset: Some(offset),
            stack: vec![frame; 30],
            history: vec!["Client DetachCallback binding 1 begins".to_owned(); 100],
            ..Finding::bare(
                code,
                "it is wrong & <b>bad</b>; ".repeat(8),
                7,
                offset.into(),
            )
        }
    }

    #[test]
    fn a_page_is_small_whatever_the_run_has_met() {
        let mut report = Report::new("sim", 7, 100_000);
        for number in 0..600 {
            report.add_finding(finding(&format!("R{}", number % 38), number));
            report.add_note(finding("R1", number));
            report.add_cycle(format!("load {number}"), &Counts::default(), 0);
            report.add_fault(format!("thread {number}"), format!("load {number}"));
        }
        for value in 0..100_000 {
            report.counts.histograms.cycle_us.add(value * value);
        }
        let text = html_of(&report, &Verdict::fail("600 findings"));
        assert!(text.len() < 300 << 10, "{} bytes", text.len());
        for part in [
            "384 more are in the report as JSON",
            "<svg>R0</svg>",
            "Virtual time",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert_eq!(text.matches("<svg>R0</svg>").count(), 1);
    }

    #[test]
    fn what_a_run_says_is_text() {
        let mut report = Report::new("sim", 7, 1);
        report.add_finding(finding("R28", 1));
        let text = html_of(&report, &Verdict::fail("<script>1</script>"));
        assert!(text.contains("wrong &amp; &lt;b&gt;bad"), "{text}");
        assert!(text.contains("&lt;script&gt;1"), "{text}");
        assert!(!text.contains("<script") && !text.contains("<b>"), "{text}");
    }

    #[test]
    fn a_run_without_a_finding_has_its_verdict_and_its_commands() {
        let report = Report::new("sim", 7, 0);
        let text = html_of(&report, &Verdict::pass("0 cycles"));
        for part in [
            "<p class=\"verdict pass\">",
            "0 findings",
            "stress --seed 7",
            "Not tested",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
