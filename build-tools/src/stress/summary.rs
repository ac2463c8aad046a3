// SPDX-License-Identifier: MIT OR Apache-2.0

//! The summary of a report, as printed at the end of a run.

pub(super) mod faults;

use std::fmt::{self, Write};

use scenarios::{
    Counts, Coverage, Covered, Finding, Frame, Instances, NpiId, NpiReport, Report, Scenario, Tier,
};

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
{:>10} {}{}",
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
        cut_short(report),
    );
    text += &note_row(report);
    text += &kernel_row(report);
    text += &registration_rows(counts);
    text += &npi_rows(counts);
    text += &manager_rows(report);
    text += &scenario_row(report);
    text += &crowd_row(report);
    text += &aimed_row(report);
    text += &models_row(report);
    for row in coverage.into_iter().flat_map(coverage_rows) {
        text += &row;
    }
    if let Some(coverage) = coverage {
        text += &faults::text(report, &coverage.faults);
    }
    for unsupported in &report.unsupported {
        add_line(&mut text, format_args!("{unsupported}"));
        describe_stack(&mut text, &unsupported.stack);
        let again = again(unsupported.cycle);
        add_line(&mut text, format_args!("    again: {again}"));
    }
    for note in &report.notes {
        describe(&mut text, "note", note, &again(note.cycle));
    }
    for finding in &report.findings {
        describe(&mut text, "finding", finding, &again(finding.cycle));
    }
    text
}

/// The cycles that did not run to their end: the number of findings says nothing of the
/// rest of them.
fn cut_short(report: &Report) -> String {
    match report.cut_short() {
        0 => String::new(),
        cycles => format!(
            ", but {cycles} of {} cycles were cut short: see UNSUPPORTED below",
            report.cycles_done
        ),
    }
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

/// The number of notes.
fn note_row(report: &Report) -> String {
    match report.notes.len() {
        0 => String::new(),
        count => format!(
            "\n{count:>10} {}, no failure",
            plural(count, "note", "notes")
        ),
    }
}

/// The cycles of each kernel.
fn kernel_row(report: &Report) -> String {
    let of = |(kernel, cycles)| format!("{kernel} {cycles}");
    let kernels: Vec<_> = report.kernels.iter().map(of).collect();
    match kernels.len() {
        0 => String::new(),
        count => format!(
            "\n{count:>10} {}: {}",
            plural(count, "kernel", "kernels"),
            kernels.join(", ")
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

/// Loads that drivers refused, and findings that are ignored.
fn refusal_rows(counts: &Counts) -> String {
    let refused = counts.refused_loads.iter();
    let refused = refused.map(|(refusal, times)| {
        let hint = if refusal.contains("can be loaded once") {
            "; --instances with one of each leaves such loads out"
        } else {
            ""
        };
        format!("\n{times:>10} loads refused: {refusal}{hint}")
    });
    let ignored = counts.ignored.iter();
    let ignored = ignored.map(|(finding, times)| format!("\n{times:>10} times ignored: {finding}"));
    let cut_short = Some(counts.cycles_cut_short).filter(|cycles| *cycles > 0);
    let cut_short =
        cut_short.map(|cycles| format!("\n{cycles:>10} cycles ended early because of that"));
    refused.chain(ignored).chain(cut_short).collect()
}

/// The NPIs that are not described or whose calls were not seen, and what was not
/// checked for them.
fn npi_rows(counts: &Counts) -> String {
    let row = |(id, npi): (&NpiId, &NpiReport)| {
        let remark = npi.remark()?;
        Some(format!(
            "\n{:>10} attaches of NPI {id}: {remark}",
            npi.attaches
        ))
    };
    counts.npis.iter().filter_map(row).collect()
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
    let refused = refused_row(counts) + &refusal_rows(counts);
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

fn describe(text: &mut String, kind: &str, finding: &Finding, again: &str) {
    add_line(text, format_args!("{kind}: {finding}"));
    if !finding.rule.is_empty() {
        add_line(text, format_args!("    rule: {}", finding.rule));
    }
    describe_stack(text, &finding.stack);
    for moment in &finding.history {
        add_line(text, format_args!("    before: {moment}"));
    }
    add_line(text, format_args!("    again: {again}"));
}

fn describe_stack(text: &mut String, stack: &[Frame]) {
    for frame in stack.iter().take(FRAMES) {
        add_line(text, format_args!("    in {frame}"));
    }
    if let Some(more @ 1..) = stack.len().checked_sub(FRAMES) {
        add_line(text, format_args!("    in {more} more, which --json lists"));
    }
}

fn add_line(text: &mut String, words: fmt::Arguments<'_>) {
    writeln!(text)
        .and_then(|()| write!(text, "{words}"))
        .expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use scenarios::Unsupported;

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
            kernels: ["windows".to_owned()].into(),
            open_points: Vec::new(),
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
    fn cycles_that_were_cut_short_are_counted_beside_the_findings() {
        let mut report = Report::new("sim", 7, 10);
        report.cycles_done = 10;
        report.add_unsupported(Unsupported {
            what: "calls NtFoo of ntoskrnl.exe".to_owned(),
            driver: "client.sys".to_owned(),
            instance: 1,
            offset: Some(0x1150),
            place: None,
            cycle: 3,
            seed: 7,
            thread: "unload client".to_owned(),
            stack: Vec::new(),
            count: 4,
        });
        let text = of(&report, None, |cycle| format!("run seed=7,cycle={cycle}"));
        for part in [
            "0 findings, but 4 of 10 cycles were cut short: see UNSUPPORTED below\n",
            "\nUNSUPPORTED: client.sys calls NtFoo of ntoskrnl.exe (at offset 0x1150); 4 cycles",
            "\n    again: run seed=7,cycle=3",
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
