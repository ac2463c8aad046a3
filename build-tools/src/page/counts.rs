// SPDX-License-Identifier: MIT OR Apache-2.0

//! The counters of a run as tables.

use std::collections::BTreeMap;

use maud::{Markup, html};
use scenarios::Report;

use super::wide;
use crate::terminal::grouped;

/// The number of orders that are listed.
const MOST: usize = 40;

/// Counts on one line: `documents 500, windows 500`.
pub(super) fn inline(counts: &BTreeMap<String, u64>) -> String {
    let of = |(name, count): (&String, &u64)| format!("{name} {}", grouped(*count));
    counts.iter().map(of).collect::<Vec<_>>().join(", ")
}

/// All tables of counters.
pub(super) fn tables(report: &Report) -> Markup {
    html! {
        div.charts {
            (table("Counters", "What", counters(report)))
            (table("Cycles by scenario", "Scenario", named(&report.scenarios)))
            (table("Loads and unloads by mechanism", "Mechanism", named(&report.counts.mechanisms)))
            (table("Refusals of the service control manager", "Error", named(&report.counts.manager_refusals)))
            (table("Longest unload, in seconds", "Driver", named(&report.counts.slow_unloads)))
        }
        (orders(report))
    }
}

/// The cycles by order of loads and unloads.
fn orders(report: &Report) -> Markup {
    let mut orders = named(&report.orders);
    orders.sort_by_key(|(_, cycles)| std::cmp::Reverse(*cycles));
    let left_out = orders.len().saturating_sub(MOST);
    orders.truncate(MOST);
    html! {
        details {
            summary { "Cycles by order of loads and unloads: " (report.orders.len()) " orders" }
            (table("Cycles by order", "Order", orders))
            @if left_out > 0 { p { (left_out) " more are in the report as JSON." } }
        }
    }
}

fn named(counts: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let of = |(name, count): (&String, &u64)| (name.clone(), *count);
    counts.iter().map(of).collect()
}

/// The counters that are not 0, and those that a run is judged by.
fn counters(report: &Report) -> Vec<(String, u64)> {
    let counts = &report.counts;
    let judged = [
        (
            "Times a provider and a client came and went",
            report.pair_cycles,
        ),
        ("Loads", counts.loads),
        ("Unloads", counts.unloads),
        ("Attaches", counts.attaches),
        ("Detaches", counts.detaches),
        ("Detaches that pended", counts.detaches_pending),
        ("Waits for a deregistration", counts.waits),
        ("Calls of clients into providers", counts.calls),
        ("Requests that providers completed", counts.completions),
    ];
    let others = [
        (
            "Detaches of clients that pended",
            counts.detaches_pending_client,
        ),
        (
            "Detaches of providers that pended",
            counts.detaches_pending_provider,
        ),
        ("Registrations of providers", counts.registrations_provider),
        ("Registrations of clients", counts.registrations_client),
        (
            "Deregistrations that overlapped",
            counts.deregistrations_overlapped,
        ),
        (
            "Deregistrations that overlapped within a driver",
            counts.deregistrations_overlapped_within,
        ),
        ("Unloads at the same time", counts.unloads_overlapped),
        ("Loads failed on purpose", counts.failed_entries),
        ("Requests to devices", counts.requests),
        ("Modules switched on or off", counts.subcomponent_switches),
        (
            "Unloads deferred by an open handle",
            counts.unloads_deferred,
        ),
        ("Unloads refused for a time", counts.gate_refusals),
    ];
    let others = others.into_iter().filter(|(_, count)| *count > 0);
    let leaks = counts.leaks.map(|leaks| ("Blocks of pool leaked", leaks));
    let all = judged.into_iter().chain(leaks).chain(others);
    all.map(|(name, count)| (name.to_owned(), count)).collect()
}

/// A table of names and counts; empty without rows.
fn table(caption: &str, head: &str, rows: Vec<(String, u64)>) -> Markup {
    if rows.is_empty() {
        return html! {};
    }
    html! {
        table {
            caption { (caption) }
            thead { tr { th scope="col" { (head) } th scope="col" { "Count" } } }
            tbody {
                @for (name, count) in rows {
                    tr { th scope="row" { (name) } td { (grouped(count)) } }
                }
            }
        }
    }
}

/// What was seen of each NPI.
pub(super) fn npis(report: &Report) -> Markup {
    let heads = [
        "NPI",
        "Name",
        "Registrations",
        "Attaches",
        "Calls of clients",
        "Calls of providers",
        "Remark",
    ];
    let rows = html! {
        thead { tr { @for head in heads { th scope="col" { (head) } } } }
        tbody {
            @for (id, npi) in &report.counts.npis {
                tr {
                    th scope="row" { code { (id) } }
                    td.text { (npi.name.as_deref().unwrap_or("not described")) }
                    @for count in [npi.registrations, npi.attaches, npi.calls_of_clients, npi.calls_of_providers] {
                        td { (grouped(count)) }
                    }
                    td.text { (npi.remark().unwrap_or_default()) }
                }
            }
        }
    };
    let modules = html! {
        thead { tr { th scope="col" { "Image" } th scope="col" { "Role" } th scope="col" { "Attaches accepted" } } }
        tbody {
            @for (image, roles) in &report.counts.registered {
                @let roles: Vec<_> = roles.iter().map(String::as_str).collect();
                @let attached = report.counts.attached.get(image).copied().unwrap_or_default();
                tr { th scope="row" { (image) } td.text { (roles.join(", ")) } td { (grouped(attached)) } }
            }
        }
    };
    html! {
        (wide("What was seen of each NPI", &rows))
        @if !report.counts.registered.is_empty() { (wide("What each image registered", &modules)) }
    }
}

/// The findings that the user asked to ignore.
pub(super) fn ignored(report: &Report) -> Markup {
    table(
        "Findings that are ignored, as was asked for",
        "Finding",
        named(&report.counts.ignored),
    )
}
