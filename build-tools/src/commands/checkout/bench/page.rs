// SPDX-License-Identifier: MIT OR Apache-2.0

//! The figures as a page for a browser: a bar for each, no script, no network.

use maud::{DOCTYPE, Markup, html};

use super::Figures;
use super::cycles::Cost;
use super::measured::Measured;
use super::{footprint, unload};

/// The width of the longest bar, and the height of each.
const WIDTH: f64 = 320.0;

/// The page as HTML.
pub(super) fn html(figures: &Figures) -> String {
    let sections = super::TARGETS.map(|(_, target, heading)| {
        let those: Vec<_> = figures
            .cases
            .iter()
            .filter(|it| it.bench == target)
            .collect();
        section(heading, &those)
    });
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="color-scheme" content="light dark";
                title { "NMR bench" }
                style { "body{font:1rem system-ui;max-width:60rem;margin:auto;padding:1rem}\
                         td,th{padding:.1rem .6rem;text-align:right}th:first-child,td:first-child\
                         {text-align:left}rect{fill:currentColor}" }
            }
            body {
                h1 { "What calls, bindings and cycles cost" }
                @for section in &sections { (section) }
                h2 { "A cycle in the simulated kernel" }
                pre { (figures.cycles.table()) }
                (bars(figures.cycles.kinds.iter().map(Cost::bar)))
                p { (figures.jobs) }
                h2 { "An unload, from the call of DriverUnload to its return" }
                pre { (unload::table(&figures.unloads)) }
                h2 { "Image and non-paged pool" }
                pre { (footprint::table(&figures.footprint)) }
                h2 { "Goals" }
                ul { @for goal in &figures.goals { li { (goal) } } }
                @if !figures.exceeded.is_empty() {
                    h2 { "Not within the baseline" }
                    ul { @for what in &figures.exceeded { li { (what) } } }
                }
            }
        }
    };
    page.into_string()
}

/// The table of a bench target, and its times as bars.
fn section(heading: &str, cases: &[&Measured]) -> Markup {
    let number = |value: Option<f64>| value.map(|value| format!("{value:.2}"));
    html! {
        h2 { (heading) }
        table {
            tr { th { "" } th { "ns" } th { "instructions" } th { "two threads" } }
            @for case in cases {
                tr {
                    td { (case.case) }
                    td { (format!("{:.1}", case.ns)) }
                    td { (number(case.instructions).unwrap_or_default()) }
                    td { (number(case.two_threads).unwrap_or_default()) }
                }
            }
        }
        (bars(cases.iter().map(|it| (&*it.case, it.ns))))
    }
}

/// A bar for each value, the largest of them across the width.
fn bars<'a>(values: impl Iterator<Item = (&'a str, f64)>) -> Markup {
    let values: Vec<_> = values.collect();
    let most = values.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    html! {
        table {
            @for (name, value) in &values {
                tr {
                    td { (name) }
                    td {
                        svg width=(WIDTH) height="12" role="img" aria-label=(format!("{value:.1}")) {
                            rect width=(format!("{:.1}", WIDTH * value / most)) height="12" {}
                        }
                    }
                }
            }
        }
    }
}
