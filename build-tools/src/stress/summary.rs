// SPDX-License-Identifier: MIT OR Apache-2.0

//! A report on one screen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use scenarios::{Finding, Instances, Report, Role, Stage};

/// The report in words; `again` is the command that runs a cycle again.
pub(super) fn of(report: &Report, again: impl Fn(u64) -> String) -> String {
    let counts = &report.counts;
    let mut text = format!(
        "\
{} of {} cycles, {:.0} cycles/s, {} orders of loads and unloads, seed {}
{:>10} loads      {:>10} unloads
{:>10} attaches   {:>10} detaches, {} pended ({} of clients, {} of providers)
{:>10} calls      {:>10} completions
{:>10} waits      {:>10} leaks
{:>10} findings",
        report.cycles_done,
        report.cycles_requested,
        report.cycles_per_second,
        report.orders.len() - crowds(report).count(),
        report.seed,
        counts.loads,
        counts.unloads,
        counts.attaches,
        counts.detaches,
        counts.detaches_pending,
        counts.detaches_pending_client,
        counts.detaches_pending_provider,
        counts.calls,
        counts.completions,
        counts.waits,
        counts.leaks,
        report.findings.len(),
    );
    text += &crowd_row(report);
    text += &edge_row(report);
    for row in fault_rows(report) {
        text += &row;
    }
    for finding in &report.findings {
        describe(&mut text, finding, &again(finding.cycle));
    }
    text
}

/// The cycles with several instances of a driver, by how many.
fn crowds(report: &Report) -> impl Iterator<Item = (Instances, u64)> {
    let size = |order: &str| order.split_once(' ')?.0.parse().ok();
    let orders = report.orders.iter();
    orders.filter_map(move |(order, cycles)| Some((size(order)?, *cycles)))
}

fn crowd_row(report: &Report) -> String {
    let cycles: u64 = crowds(report).map(|(_, cycles)| cycles).sum();
    let sizes: Vec<_> = crowds(report).map(|(size, _)| size.to_string()).collect();
    match cycles {
        0 => String::new(),
        _ => format!(
            "\n{cycles:>10} cycles with several instances: {}",
            sizes.join(" ")
        ),
    }
}

/// How much of the graph of both modules' stages was walked.
fn edge_row(report: &Report) -> String {
    let expected = Role::ALL.into_iter().flat_map(|role| {
        let name = move |(from, to)| format!("{} {from} > {to}", role.service());
        Stage::EDGES.map(name)
    });
    let expected: Vec<_> = expected.collect();
    let missing = expected
        .iter()
        .filter(|edge| !report.edges.contains_key(*edge));
    let missing: Vec<_> = missing.map(String::as_str).collect();
    let pairs: usize = report.edges.values().map(BTreeMap::len).sum();
    let mut row = format!(
        "\n{:>10} of {} ways between stages of the modules, {pairs} with the peer's stage",
        expected.len() - missing.len(),
        expected.len(),
    );
    if !missing.is_empty() {
        row.push_str("; not ");
        row.push_str(&missing.join(", "));
    }
    row
}

/// What failed on purpose: each kind of call, which of them, in how many orders.
fn fault_rows(report: &Report) -> Vec<String> {
    let mut kinds: BTreeMap<&str, (u64, BTreeSet<u64>, BTreeSet<&str>)> = BTreeMap::new();
    for (fault, orders) in &report.faults {
        let (kind, number) = fault.rsplit_once(' ').unwrap_or((fault, "0"));
        let (count, numbers, met) = kinds.entry(kind).or_default();
        *count += orders.values().sum::<u64>();
        numbers.insert(number.parse().unwrap_or_default());
        met.extend(orders.keys().map(String::as_str));
    }
    let rows = kinds.into_iter().map(|(kind, (count, numbers, met))| {
        format!(
            "\n{count:>10} failed: {kind}, {} different calls up to number {}, in {} of {} orders",
            numbers.len(),
            numbers.last().copied().unwrap_or_default(),
            met.len(),
            report.orders.len()
        )
    });
    rows.collect()
}

/// So much of a stack is shown.
const FRAMES: usize = 6;

fn describe(text: &mut String, finding: &Finding, again: &str) {
    let mut line = |words: &dyn std::fmt::Display| {
        writeln!(text)
            .and_then(|()| write!(text, "{words}"))
            .expect("a string takes everything");
    };
    line(&format_args!("finding: {finding}"));
    if !finding.rule.is_empty() {
        line(&format_args!("    rule: {}", finding.rule));
    }
    for frame in finding.stack.iter().take(FRAMES) {
        line(&format_args!("    in {frame}"));
    }
    if let Some(more @ 1..) = finding.stack.len().checked_sub(FRAMES) {
        line(&format_args!("    in {more} more, which --json lists"));
    }
    for moment in &finding.history {
        line(&format_args!("    before: {moment}"));
    }
    line(&format_args!("    again: {again}"));
}

#[cfg(test)]
mod tests {
    use scenarios::Frame;

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
            code: "R29".to_owned(),
            parameters: None,
            what: "DriverUnload returned too early".to_owned(),
            rule: "Wait before you go".to_owned(),
            driver: "client.sys".to_owned(),
            instance: 1,
            offset: Some(0x1150),
            place: None,
            cycle: 3,
            seed: 7,
            thread: "unload client".to_owned(),
            stack: vec![frame; FRAMES + 2],
            history: Vec::new(),
            count: 2,
        });
        let text = of(&report, |cycle| format!("run seed=7,cycle={cycle}"));
        for part in [
            "R29 client.sys+0x1150: DriverUnload returned too early",
            "rule: Wait before you go\n",
            "in client.sys+0x1234\n",
            "in 2 more, which --json lists",
            "again: run seed=7,cycle=3",
            "1 findings",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
