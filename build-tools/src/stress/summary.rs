// SPDX-License-Identifier: MIT OR Apache-2.0

//! The summary of a report, as printed at the end of a run.

mod faults;

use std::fmt::Write;

use scenarios::{Counts, Coverage, Covered, Finding, Instances, Report, Scenario, Tier};

/// The summary of `report`; `again` returns the command that runs a cycle again.
pub(crate) fn of(
    report: &Report,
    coverage: Option<&Coverage>,
    again: impl Fn(u64) -> String,
) -> String {
    let counts = &report.counts;
    let leaks = match counts.leaks {
        Some(leaks) => format!("{leaks:>10} leaks"),
        None => "           leaks are not checked".to_owned(),
    };
    let mut text = format!(
        "\
{} of {} cycles, {:.0} cycles/s, {} orders of loads and unloads, seed {}
{:>10} pair cycles, {:.0} pair cycles/s
{:>10} loads      {:>10} unloads
{:>10} attaches   {:>10} detaches, {} pended ({} of clients, {} of providers)
{:>10} calls      {:>10} completions
{:>10} waits      {leaks}
{:>10} {}",
        report.cycles_done,
        report.cycles_requested,
        report.cycles_per_second,
        report.orders.keys().filter(|it| is_plain(it)).count(),
        report.seed,
        report.pair_cycles,
        report.pair_cycles_per_second,
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
        report.findings.len(),
        plural(report.findings.len(), "finding", "findings"),
    );
    text += &registration_rows(counts);
    text += &manager_rows(report);
    text += &scenario_row(report);
    text += &crowd_row(report);
    text += &aimed_row(report);
    text += &models_row(report);
    for row in coverage.into_iter().flat_map(coverage_rows) {
        text += &row;
    }
    if let Some(coverage) = coverage {
        text += &faults::table(report, &coverage.faults);
    }
    for finding in &report.findings {
        describe(&mut text, finding, &again(finding.cycle));
    }
    text
}

/// The form of a noun for `count`.
pub(crate) const fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// Returns `true` for an order of one provider and one client, without a targeted race.
fn is_plain(order: &str) -> bool {
    order.starts_with("load ")
}

fn aimed_row(report: &Report) -> String {
    let orders = report.orders.iter();
    let aimed = orders.filter(|(order, _)| order.starts_with("aimed "));
    let cycles: u64 = aimed.map(|(_, cycles)| cycles).sum();
    match cycles {
        0 => String::new(),
        _ => format!("\n{cycles:>10} cycles targeted at racing state transitions"),
    }
}

/// The cycles that mixed WDM and KMDF drivers, by combination.
fn models_row(report: &Report) -> String {
    let orders = report.orders.iter();
    let models = |order: &String| order.strip_prefix("models ").map(str::to_owned);
    let all: Vec<_> = orders
        .filter_map(|(order, cycles)| Some((models(order)?, cycles)))
        .collect();
    let cycles: u64 = all.iter().map(|(_, cycles)| **cycles).sum();
    let each: Vec<_> = all
        .iter()
        .map(|(models, cycles)| format!("{models} {cycles}"))
        .collect();
    match cycles {
        0 => String::new(),
        _ => format!(
            "\n{cycles:>10} cycles with the driver framework: {}",
            each.join("; ")
        ),
    }
}

/// The cycles of each scenario.
fn scenario_row(report: &Report) -> String {
    let of = |(scenario, cycles)| format!("{scenario} {cycles}");
    let scenarios: Vec<_> = report.scenarios.iter().map(of).collect();
    match scenarios.len() {
        0 => String::new(),
        count => format!("\n{count:>10} scenarios: {}", scenarios.join(", ")),
    }
}

/// The list of scenarios: name, tiers, and a sentence.
pub(crate) fn scenarios() -> String {
    let line = |scenario: Scenario| {
        let tiers = [
            ("sim", Tier::Sim),
            ("wine", Tier::Wine),
            ("windows", Tier::Windows),
        ];
        let tiers = tiers.into_iter().filter(|(_, tier)| scenario.is_on(*tier));
        let tiers: Vec<_> = tiers.map(|(name, _)| name).collect();
        let tiers = tiers.join(", ");
        format!("{:<14}{tiers:<20}{}", scenario.name(), scenario.sentence())
    };
    Scenario::ALL.map(line).join("\n")
}

/// Registrations by role, and deregistrations that overlapped.
fn registration_rows(counts: &Counts) -> String {
    let (providers, clients) = (counts.registrations_provider, counts.registrations_client);
    match providers + clients {
        0 => String::new(),
        all => format!(
            "\n{all:>10} registrations ({providers} of providers, {clients} of clients)\n{:>10} \
             deregistrations overlapped, {} of them within a driver",
            counts.deregistrations_overlapped, counts.deregistrations_overlapped_within
        ),
    }
}

/// Loads and unloads by mechanism, and what delayed unloads.
fn manager_rows(report: &Report) -> String {
    let counts = &report.counts;
    let by = |(mechanism, count)| format!("{count} by {mechanism}");
    let mechanisms: Vec<_> = counts.mechanisms.iter().map(by).collect();
    let all: u64 = counts.mechanisms.values().sum();
    let mechanisms = match all {
        0 => String::new(),
        _ => format!(
            "\n{all:>10} loads and unloads: {}\n{:>10} loads failed on purpose",
            mechanisms.join(", "),
            counts.failed_entries
        ),
    };
    let absent = |mechanism| format!("\n{:>10} by {mechanism}: this kernel has none", 0);
    let absent: String = report.mechanisms_absent.iter().map(absent).collect();
    let overlapped = match counts.unloads_overlapped {
        0 => String::new(),
        times => format!("\n{times:>10} times two drivers were unloading at the same time"),
    };
    let requests = match counts.requests {
        0 => String::new(),
        requests => format!(
            "\n{:>10} requests to devices, {} switched a module on or off\n{:>10} unloads were \
             deferred by open handles, {} refused temporarily",
            requests, counts.subcomponent_switches, counts.unloads_deferred, counts.gate_refusals
        ),
    };
    let refused = refused_row(counts);
    let slow = counts.slow_unloads.iter().map(slow_row).collect();
    [mechanisms, absent, overlapped, requests, refused, slow].concat()
}

/// The longest unload of a driver.
fn slow_row((driver, seconds): (&String, &u64)) -> String {
    format!(
        "\n{seconds:>10} seconds were taken by an unload of {driver}; the service control manager \
         gives up after 30"
    )
}

/// Refusals of the service control manager, by error.
fn refused_row(counts: &Counts) -> String {
    let refusals = &counts.manager_refusals;
    let by: Vec<_> = refusals
        .iter()
        .map(|(error, times)| format!("{times} with error {error}"))
        .collect();
    match refusals.values().sum::<u64>() {
        0 => String::new(),
        all => format!(
            "\n{all:>10} times the service control manager refused: {}",
            by.join(", ")
        ),
    }
}

/// The cycles with several instances of a driver, by how many.
fn crowds(report: &Report) -> impl Iterator<Item = (Instances, u64)> {
    let size = |order: &str| order.split_once(' ')?.0.parse().ok();
    let orders = report.orders.iter();
    orders.filter_map(move |(order, cycles)| Some((size(order)?, *cycles)))
}

fn crowd_row(report: &Report) -> String {
    let cycles: u64 = crowds(report).map(|(_, cycles)| cycles).sum();
    let mut sizes: Vec<_> = crowds(report).map(|(size, _)| size.to_string()).collect();
    sizes.dedup();
    match cycles {
        0 => String::new(),
        _ => format!(
            "\n{cycles:>10} cycles with several instances: {}",
            sizes.join(" ")
        ),
    }
}

/// Coverage of the graph of both modules' states.
fn coverage_rows(coverage: &Coverage) -> [String; 2] {
    /// At most this many missing items are listed.
    const FEW: usize = 3;
    let row = |part: &Covered, what: &str| {
        let missing = match part.missing.len() {
            0 => String::new(),
            1..=FEW => format!("; not {}", part.missing.join("; ")),
            many => format!("; {many} are missing"),
        };
        format!(
            "\n{:>10} of {} {what}{missing}",
            part.covered, part.possible
        )
    };
    let transitions = format!(
        "state transitions, by peer state ({} of {} regardless of it)",
        coverage.edges.covered, coverage.edges.possible
    );
    [
        row(&coverage.transitions, &transitions),
        row(&coverage.races, "racing transitions, by order"),
    ]
}

/// What was not covered, and what cannot be covered.
pub(crate) fn details(coverage: &Coverage) -> String {
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

/// The number of stack frames shown.
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
        let coverage = Coverage::of(&report);
        let text = of(&report, Some(&coverage), |cycle| {
            format!("run seed=7,cycle={cycle}")
        });
        for part in [
            "R29 client.sys+0x1150: DriverUnload returned too early",
            "rule: Wait before you go\n",
            "in client.sys+0x1234\n",
            "in 2 more, which --json lists",
            "again: run seed=7,cycle=3",
            "1 finding\n",
            "0 of 48 state transitions, by peer state (0 of 20 regardless of it); 48 are missing\n",
            "0 of 32 racing transitions, by order; 32 are missing\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_impossible_has_its_reason() {
        let coverage = Coverage::of(&Report::new("sim", 7, 10));
        let text = details(&coverage);
        for part in [
            "missing: client absent > loading\n",
            "missing: client absent > loading, peer idle\n",
            "cannot race: provider absent > loading, client detaching > idle: the modules are never",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
