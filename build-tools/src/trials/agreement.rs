// SPDX-License-Identifier: MIT OR Apache-2.0

//! The simulated kernel and Wine agree: deterministic scripts give the same NMR events
//! on both.
//!
//! Compared is the order of events that cannot be concurrent. NPIs are independent of
//! each other: two registrations with a binding between them have the same NPI. While a
//! driver loads, all events are on one thread. From a `NmrDeregister...` on, both sides
//! of each binding and the deregistration itself are concurrent. Not compared are the
//! return value and completion of a provider's detach, which depend on the requests in
//! flight, and the end of each completion: the last completion runs the cleanup
//! callbacks inside its call.
//!
//! # Limits
//!
//! A step of a script has one action.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail, ensure};
use registrar::knobs::Knob;
use scenarios::{Event, Line};
use wine::Run;

use crate::building::wine_prefix;
use crate::simulator::{self, Simulator};
use crate::terminal;
use crate::terminal::PROGRAM;
use crate::workspace::Workspace;

/// The scripts; each pause is long enough for requests to be in flight.
const SCRIPTS: [&str; 5] = [
    "+p.+c~3000.-c.-p",
    "+c.+p~3000.-p.-c",
    "+p.+c~3000.-p.+p~3000.-c.-p",
    "Threads:1.Depth:1.+p.+c~3000.-c.+c~3000.-p.-c",
    "+p.+c.+p2.+c2~3000.-p.-c2.-c.-p2",
];

/// The events from one load or deregistration to the next, by thread of events: those in
/// different threads can be concurrent.
type Phase = BTreeMap<String, Vec<String>>;

/// Runs each script on both kernels and compares the events.
pub(crate) fn holds(workspace: &Workspace) -> Result<bool> {
    let Some(payload) = wine_prefix::payload(workspace)? else {
        return Ok(false);
    };
    let prefix = wine_prefix::create(workspace, &payload)?;
    let simulator = Simulator::new(workspace);
    let (provider, client) = (workspace.driver("provider"), workspace.driver("client"));
    let mut agree = true;
    for script in SCRIPTS {
        let simulated = simulated(&simulator, &provider, &client, script)?;
        let run = Run {
            provider: &provider,
            client: &client,
            tier: wine_prefix::TIER,
            seed: 1,
            first: 0,
            cycles: 1,
            options: &[format!("--script={script}"), "--events".to_owned()],
        };
        let mut seen = Vec::new();
        let ran = run.perform(&prefix, |line| {
            if let Line::Event(event) = line {
                seen.push(event);
            }
        })?;
        ensure!(
            ran.report.is_clean(),
            "{script} fails under Wine: see {PROGRAM} stress --on wine"
        );
        let (simulated, seen) = (courses(&simulated), courses(&seen));
        ensure!(!simulated.is_empty(), "{script} caused no event");
        if let Some(difference) = difference(&simulated, &seen) {
            terminal::error(format!("{script}: {difference}"));
            agree = false;
        }
    }
    Ok(agree)
}

/// The events of the first run in which no application switches a module on or off,
/// which is drawn from the seed.
fn simulated(
    simulator: &Simulator,
    provider: &Path,
    client: &Path,
    script: &str,
) -> Result<Vec<Event>> {
    const SEEDS: u64 = 100;
    for seed in 1..=SEEDS {
        let trace = trace(simulator, provider, client, script, seed)?;
        let mut nmr = trace.lines().filter(|line| line.contains(" nmr "));
        if !nmr.any(|line| line.contains(" application ")) {
            return Ok(trace.lines().filter_map(traced).collect());
        }
    }
    bail!("applications switch modules in all of {SEEDS} runs of {script}")
}

fn trace(
    simulator: &Simulator,
    provider: &Path,
    client: &Path,
    script: &str,
    seed: u64,
) -> Result<String> {
    let knobs: Vec<_> = Knob::ALL.iter().map(|knob| format!("{knob}:0")).collect();
    let mut command = simulator.command(provider, client);
    command
        .args(["--cycles=1", "--trace"])
        .arg(format!("--seed={seed}"))
        .arg(format!("--script={script}"))
        .arg(format!("--knobs={}", knobs.join("+")));
    let output = simulator::output(&mut command)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{script} fails: {}", errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Parses `... nmr Client DetachCallback registration 2 binding 1 -> 0x00000103`.
fn traced(line: &str) -> Option<Event> {
    let (_, event) = line.split_once(" nmr ")?;
    let mut words = event.split_whitespace();
    let (side, call) = (words.next()?, words.next()?);
    let number = |name: &str| {
        let mut rest = words.clone();
        let number = rest.find(|word| *word == name).and(rest.next());
        number.map_or(Some(0), |number| number.parse().ok())
    };
    let (registration, binding) = (number("registration")?, number("binding")?);
    let ended = words.last().and_then(|word| word.strip_prefix("0x"));
    Some(Event {
        cycle: 0,
        side: side.to_owned(),
        call: call.to_owned(),
        ended: ended
            .and_then(|status| u32::from_str_radix(status, 16).ok())
            .map(u32::cast_signed),
        registration,
        binding,
    })
}

/// The phases of each NPI.
fn courses(events: &[Event]) -> Vec<Vec<Phase>> {
    npis(events).iter().map(|events| phases(events)).collect()
}

/// The events of each NPI, in the order in which the first one was registered.
/// Bindings are numbered by NPI.
fn npis(events: &[Event]) -> Vec<Vec<Event>> {
    // A registration has no number before it was made.
    let mut events = events.to_vec();
    for index in 0..events.len() {
        let event = &events[index];
        if event.call == "Register" && event.registration == 0 {
            let made = events[index..].iter().find(|later| {
                later.call == "Register" && later.side == event.side && later.ended.is_some()
            });
            events[index].registration = made.map_or(0, |made| made.registration);
        }
    }
    let mut groups: Vec<BTreeSet<u64>> = Vec::new();
    for event in &events {
        let ends = events.iter().filter(|other| {
            other.registration == event.registration
                || other.binding == event.binding && event.binding != 0
        });
        let mut group: BTreeSet<_> = ends.map(|other| other.registration).collect();
        groups.retain(|known| {
            let apart = known.is_disjoint(&group);
            if !apart {
                group.extend(known);
            }
            apart
        });
        groups.push(group);
    }
    groups.sort_by_key(|group| group.first().copied());
    let of = |group: BTreeSet<u64>| {
        let mine = events.iter().filter(|it| group.contains(&it.registration));
        let mut mine: Vec<_> = mine.cloned().collect();
        let mut bindings = vec![0];
        for event in &mut mine {
            let known = bindings.iter().position(|it| *it == event.binding);
            let number = known.unwrap_or_else(|| {
                bindings.push(event.binding);
                bindings.len() - 1
            });
            event.binding = number as u64;
        }
        mine
    };
    groups.into_iter().map(of).collect()
}

fn phases(events: &[Event]) -> Vec<Phase> {
    let mut phases = Vec::new();
    let mut loading = true;
    for event in events {
        let begins = event.ended.is_none();
        if begins && (event.call == "Register" || event.call == "Deregister") {
            loading = event.call == "Register";
            phases.push(Phase::new());
        }
        let Event { side, binding, .. } = event;
        let course = match binding {
            _ if loading => String::new(),
            0 => side.clone(),
            _ => format!("{side} of binding {binding}"),
        };
        if let (Some(phase), Some(text)) = (phases.last_mut(), compared(event)) {
            phase.entry(course).or_default().push(text);
        }
    }
    phases
}

/// The compared text of an event, unless it is not compared.
fn compared(event: &Event) -> Option<String> {
    let Event {
        side,
        call,
        ended,
        binding,
        ..
    } = event;
    let end = match (&**side, &**call, ended) {
        ("Provider", "DetachComplete", _) | (_, "DetachComplete", Some(_)) => return None,
        ("Provider", "DetachCallback", Some(_)) => " ends".to_owned(),
        (_, _, Some(status)) => format!(" -> {status:#010x}"),
        (_, _, None) => " begins".to_owned(),
    };
    Some(format!("{side} {call} {binding}{end}"))
}

/// The first difference.
fn difference(simulated: &[Vec<Phase>], seen: &[Vec<Phase>]) -> Option<String> {
    let npis = simulated.len().max(seen.len());
    (0..npis).find_map(|npi| {
        let of = |courses: &[Vec<Phase>]| courses.get(npi).cloned().unwrap_or_default();
        let (simulated, seen) = (of(simulated), of(seen));
        let longest = simulated.len().max(seen.len());
        (0..longest).find_map(|index| {
            let (simulated, seen) = (simulated.get(index), seen.get(index));
            (simulated != seen).then(|| {
                format!(
                    "step {index} of NPI {npi} is {simulated:?} in the simulated kernel and \
                     {seen:?} under Wine"
                )
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PENDED: &str = "\
3.0 unload nmr Client Deregister registration 2 begins
3.1 unload nmr Client DetachCallback registration 2 binding 1 begins
3.2 unload nmr Client DetachCallback registration 2 binding 1 -> 0x00000103
3.3 unload nmr Provider DetachCallback registration 1 binding 1 begins
3.4 unload nmr Provider DetachCallback registration 1 binding 1 -> 0x00000103
3.5 unload nmr Client Deregister registration 2 -> 0x00000103
3.6 worker nmr Provider DetachComplete registration 1 binding 1 begins
";

    fn read(trace: &str) -> Vec<Vec<Phase>> {
        courses(&trace.lines().filter_map(traced).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_concurrent_may_come_in_any_order() {
        let mut lines: Vec<_> = PENDED.lines().collect();
        lines.swap(2, 3);
        lines.remove(6);
        assert_eq!(difference(&read(PENDED), &read(&lines.join("\n"))), None);
    }

    #[test]
    fn a_difference_is_reported() {
        let text = PENDED.replacen("0x00000103", "0x00000000", 1);
        let text_of_difference = difference(&read(PENDED), &read(&text)).expect("they differ");
        assert!(
            text_of_difference.contains("0x00000103"),
            "{text_of_difference}"
        );
        assert!(difference(&read(PENDED), &[]).is_some());
    }

    #[test]
    fn npis_are_independent() {
        let other = "\
3.0 unload nmr Provider Deregister registration 4 begins
3.1 unload nmr Client DetachCallback registration 3 binding 2 begins
";
        let other: Vec<_> = other.lines().collect();
        let lines: Vec<_> = PENDED.lines().collect();
        let one = [&other[..], &lines[..]].concat().join("\n");
        let two = [&lines[..2], &other[..1], &lines[2..], &other[1..]]
            .concat()
            .join("\n");
        assert_eq!(read(&one).len(), 3, "4 has no event with its binding");
        assert_eq!(difference(&read(&one), &read(&two)), None);
    }
}
