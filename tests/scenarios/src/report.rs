// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a run reports.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::graph::TransitionCounts;
use crate::scenario::Scenario;
use crate::service::Refusal;

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The NMR rule (`R29`), the bug check (`0xCE`), or `fault`, `hang`,
    /// `deadlock`, `livelock`, `leak`, `load`, `overrun`, `unload`, `lost`.
    pub code: String,
    /// The parameters of the bug check, where Windows documents some.
    pub parameters: Option<[u64; 4]>,
    /// What happened, in a sentence.
    pub what: String,
    /// The NMR rule that was broken, if one was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// The driver at fault, empty where none can be named.
    pub driver: String,
    /// Which of its instances, from 1.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub instance: u8,
    /// The offset in its image, if known.
    pub offset: Option<u32>,
    /// The function and line, if symbols are available.
    pub place: Option<Place>,
    /// The first cycle in which it was seen.
    pub cycle: u64,
    /// The run's seed.
    pub seed: u64,
    /// The simulated thread.
    pub thread: String,
    /// The functions that were under way on that thread, the innermost first.
    pub stack: Vec<Frame>,
    /// What had happened to the binding concerned, the oldest first.
    pub history: Vec<String>,
    /// In how many cycles it was seen.
    pub count: u64,
}

const fn first() -> u8 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_first(instance: &u8) -> bool {
    *instance == 1
}

impl Finding {
    /// One of which nothing is known but what happened, in this cycle of this
    /// seed.
    #[must_use]
    pub fn bare(code: &str, what: String, seed: u64, cycle: u64) -> Self {
        Self {
            code: code.to_owned(),
            what,
            rule: String::new(),
            driver: String::new(),
            instance: 1,
            offset: None,
            place: None,
            cycle,
            seed,
            thread: String::new(),
            stack: Vec::new(),
            parameters: None,
            history: Vec::new(),
            count: 1,
        }
    }

    /// Returns `true` if `other` is the same defect, seen another time.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        (&self.code, &self.driver, self.offset) == (&other.code, &other.driver, other.offset)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code)?;
        if let Some([first, second, third, fourth]) = self.parameters {
            write!(f, "({first:#x}, {second:#x}, {third:#x}, {fourth:#x}) ")?;
        }
        if !self.driver.is_empty() {
            write!(f, "{}", self.driver)?;
            if self.instance > 1 {
                write!(f, "#{}", self.instance)?;
            }
            if let Some(offset) = self.offset {
                write!(f, "+{offset:#x}")?;
            }
            if let Some(place) = &self.place {
                write!(f, " {place}")?;
            }
            write!(f, ": ")?;
        }
        write!(
            f,
            "{} (cycle {} of seed {}, thread {}, seen in {} cycles)",
            self.what, self.cycle, self.seed, self.thread, self.count
        )
    }
}

/// A place in a driver's source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The function.
    pub function: String,
    /// Its file, as the compiler was given it.
    pub file: Option<String>,
    /// The line.
    pub line: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, " ({file}:{line})"),
            (Some(file), None) => write!(f, " ({file})"),
            (None, _) => Ok(()),
        }
    }
}

/// A function that was under transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Its driver, or the image of the kernel that exports it.
    pub module: String,
    /// The offset in the driver's image.
    pub offset: Option<u32>,
    /// The function and the line, as far as they are known.
    pub place: Option<Place>,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.module)?;
        match (&self.place, self.offset) {
            (Some(place), _) => write!(f, "!{place}"),
            (None, Some(offset)) => write!(f, "+{offset:#x}"),
            (None, None) => Ok(()),
        }
    }
}

/// The counters of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Drivers that came.
    pub loads: u64,
    /// Drivers that went.
    pub unloads: u64,
    /// Those of them that were providers.
    #[serde(default)]
    pub unloads_provider: u64,
    /// Times that both drivers were going at once: each between its
    /// deregistration and the end of its wait.
    #[serde(default)]
    pub unloads_overlapped: u64,
    /// Loads that ended because a call of `DriverEntry` was made to fail.
    #[serde(default)]
    pub failed_entries: u64,
    /// Loads and unloads by each [`Mechanism`](crate::Mechanism).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mechanisms: BTreeMap<String, u64>,
    /// What the service control manager refused, by the error.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub manager_refusals: BTreeMap<String, u64>,
    /// Unloads that were refused because the driver had no `DriverUnload` at the
    /// time.
    #[serde(default)]
    pub gate_refusals: u64,
    /// Unloads that waited for a handle to be closed.
    #[serde(default)]
    pub unloads_deferred: u64,
    /// Requests that programs sent to the drivers' devices.
    #[serde(default)]
    pub requests: u64,
    /// Times that a program switched a part of a driver off or on.
    #[serde(default)]
    pub subcomponent_switches: u64,
    /// Registrations of providers.
    #[serde(default)]
    pub registrations_provider: u64,
    /// Registrations of clients.
    #[serde(default)]
    pub registrations_client: u64,
    /// The registrations of each driver image: its name, and its roles in NPIs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub registered: BTreeMap<String, BTreeSet<String>>,
    /// Deregistrations that began while another one was pending.
    #[serde(default)]
    pub deregistrations_overlapped: u64,
    /// Those of them that began while another one of the same driver was.
    #[serde(default)]
    pub deregistrations_overlapped_within: u64,
    /// Bindings that both sides accepted.
    pub attaches: u64,
    /// Detach callbacks, two for each binding.
    pub detaches: u64,
    /// Detach callbacks that answered `STATUS_PENDING`.
    pub detaches_pending: u64,
    /// Those of clients.
    pub detaches_pending_client: u64,
    /// Those of providers.
    pub detaches_pending_provider: u64,
    /// Waits for the end of a deregistration.
    pub waits: u64,
    /// Calls of clients into providers.
    pub calls: u64,
    /// Requests that providers completed.
    pub completions: u64,
    /// Blocks of pool left behind; `None` where nobody looks for them.
    pub leaks: Option<u64>,
}

impl Counts {
    /// The service control manager has refused something.
    pub fn refuse(&mut self, refusal: Refusal) {
        *self
            .manager_refusals
            .entry(refusal.to_string())
            .or_default() += 1;
    }

    /// How often a provider and a client have come and gone.
    #[must_use]
    pub fn pair_cycles(&self) -> u64 {
        self.unloads_provider
            .min(self.unloads - self.unloads_provider)
    }

    /// Adds what another part of the run counted.
    pub fn add(&mut self, other: &Self) {
        self.loads += other.loads;
        self.unloads += other.unloads;
        self.unloads_provider += other.unloads_provider;
        self.unloads_overlapped += other.unloads_overlapped;
        for (mechanism, count) in &other.mechanisms {
            *self.mechanisms.entry(mechanism.clone()).or_default() += count;
        }
        for (error, count) in &other.manager_refusals {
            *self.manager_refusals.entry(error.clone()).or_default() += count;
        }
        self.failed_entries += other.failed_entries;
        self.gate_refusals += other.gate_refusals;
        self.unloads_deferred += other.unloads_deferred;
        self.requests += other.requests;
        self.subcomponent_switches += other.subcomponent_switches;
        self.registrations_provider += other.registrations_provider;
        self.registrations_client += other.registrations_client;
        for (image, roles) in &other.registered {
            let all = self.registered.entry(image.clone()).or_default();
            all.extend(roles.iter().cloned());
        }
        self.deregistrations_overlapped += other.deregistrations_overlapped;
        self.deregistrations_overlapped_within += other.deregistrations_overlapped_within;
        self.attaches += other.attaches;
        self.detaches += other.detaches;
        self.detaches_pending += other.detaches_pending;
        self.detaches_pending_client += other.detaches_pending_client;
        self.detaches_pending_provider += other.detaches_pending_provider;
        self.waits += other.waits;
        self.calls += other.calls;
        self.completions += other.completions;
        self.leaks = match (self.leaks, other.leaks) {
            (Some(own), Some(others)) => Some(own + others),
            (own, others) => own.or(others),
        };
    }
}

/// The report of a run, or of a part of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The tier of the run.
    pub tier: String,
    /// What all choices were drawn from.
    pub seed: u64,
    /// The cycles that were asked for.
    pub cycles_requested: u64,
    /// The cycles that were run, those with a finding included.
    pub cycles_done: u64,
    /// The speed.
    pub cycles_per_second: f64,
    /// How often a provider and a client have come and gone: in some cycles more
    /// than once.
    #[serde(default)]
    pub pair_cycles: u64,
    /// The speed in those.
    #[serde(default)]
    pub pair_cycles_per_second: f64,
    /// The counters.
    #[serde(flatten)]
    pub counts: Counts,
    /// The number of cycles of each order of loads and unloads.
    pub orders: BTreeMap<String, u64>,
    /// How many cycles were of which scenario.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scenarios: BTreeMap<String, u64>,
    /// How often which module went from one stage of its life to another, by the
    /// stage of its peer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub edges: BTreeMap<String, BTreeMap<String, u64>>,
    /// How often an edge of one module was right followed by one of the other.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pairs: BTreeMap<String, BTreeMap<String, u64>>,
    /// Which calls failed although nothing was wrong, how often, by the order
    /// of the cycle's loads and unloads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub faults: BTreeMap<String, BTreeMap<String, u64>>,
    /// How many calls of each kind there are to fail, by order, where they were
    /// counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fault_calls: BTreeMap<String, BTreeMap<String, u64>>,
    /// Each [`Mechanism`](crate::Mechanism) that was to be used and that this kernel
    /// does not have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub mechanisms_absent: BTreeSet<String>,
    /// Differs whenever any cycle of two runs took another course.
    pub digest: u64,
    /// What went wrong, each defect once.
    pub findings: Vec<Finding>,
}

/// Adds what another part of the run counted.
fn add_table(
    table: &mut BTreeMap<String, BTreeMap<String, u64>>,
    part: BTreeMap<String, BTreeMap<String, u64>>,
) {
    for (row, cells) in part {
        let mine = table.entry(row).or_default();
        for (cell, count) in cells {
            *mine.entry(cell).or_default() += count;
        }
    }
}

impl Report {
    /// The report of a run that has not begun.
    #[must_use]
    pub fn new(tier: &str, seed: u64, cycles_requested: u64) -> Self {
        Self {
            tier: tier.to_owned(),
            seed,
            cycles_requested,
            cycles_done: 0,
            cycles_per_second: 0.0,
            pair_cycles: 0,
            pair_cycles_per_second: 0.0,
            counts: Counts::default(),
            orders: BTreeMap::new(),
            scenarios: BTreeMap::new(),
            edges: BTreeMap::new(),
            pairs: BTreeMap::new(),
            faults: BTreeMap::new(),
            fault_calls: BTreeMap::new(),
            mechanisms_absent: BTreeSet::new(),
            digest: 0,
            findings: Vec::new(),
        }
    }

    /// Adds one cycle.
    pub fn add_cycle(&mut self, order: impl fmt::Display, counts: &Counts, digest: u64) {
        self.cycles_done += 1;
        *self.orders.entry(order.to_string()).or_default() += 1;
        self.counts.add(counts);
        self.digest = self.digest.wrapping_add(digest);
    }

    /// Adds a cycle of this scenario.
    pub fn add_scenario(&mut self, scenario: Scenario) {
        *self.scenarios.entry(scenario.to_string()).or_default() += 1;
    }

    /// Adds how modules went from stage to stage.
    pub fn add_transitions(&mut self, transitions: &TransitionCounts) {
        for (transition, count) in &transitions.transitions {
            let peers = self.edges.entry(transition.edge.to_string()).or_default();
            *peers.entry(transition.peer.to_string()).or_default() += count;
        }
        for ([one, other], count) in &transitions.pairs {
            let others = self.pairs.entry(one.to_string()).or_default();
            *others.entry(other.to_string()).or_default() += count;
        }
    }

    /// Adds a call that failed in a cycle with this order.
    pub fn add_fault(&mut self, fault: String, order: impl fmt::Display) {
        *self
            .faults
            .entry(fault)
            .or_default()
            .entry(order.to_string())
            .or_default() += 1;
    }

    /// Adds a finding, or to the count of the same one.
    pub fn add_finding(&mut self, finding: Finding) {
        match self.findings.iter_mut().find(|f| f.is_same_as(&finding)) {
            Some(known) => {
                let count = known.count + finding.count;
                if finding.cycle < known.cycle {
                    *known = finding;
                }
                known.count = count;
            }
            None => self.findings.push(finding),
        }
        self.findings.sort_by_key(|finding| finding.cycle);
    }

    /// Adds the report of another part of the same run; in whatever order the
    /// parts come, the sum is the same.
    pub fn merge(&mut self, part: Self) {
        self.cycles_done += part.cycles_done;
        self.counts.add(&part.counts);
        for (order, count) in part.orders {
            *self.orders.entry(order).or_default() += count;
        }
        for (scenario, count) in part.scenarios {
            *self.scenarios.entry(scenario).or_default() += count;
        }
        add_table(&mut self.faults, part.faults);
        for (kind, orders) in part.fault_calls {
            // All parts count the same.
            self.fault_calls.entry(kind).or_default().extend(orders);
        }
        add_table(&mut self.edges, part.edges);
        self.mechanisms_absent.extend(part.mechanisms_absent);
        add_table(&mut self.pairs, part.pairs);
        self.digest = self.digest.wrapping_add(part.digest);
        for finding in part.findings {
            self.add_finding(finding);
        }
    }

    /// Sets the speeds: all of this has taken `time`.
    #[expect(clippy::cast_precision_loss, reason = "a speed needs no 53 bits")]
    pub fn took(&mut self, time: Duration) {
        let seconds = time.as_secs_f64().max(1e-9);
        self.cycles_per_second = self.cycles_done as f64 / seconds;
        self.pair_cycles = self.counts.pair_cycles();
        self.pair_cycles_per_second = self.pair_cycles as f64 / seconds;
    }

    /// Returns `true` if all that was asked for was done and nothing was
    /// found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.cycles_done >= self.cycles_requested && self.findings.is_empty()
    }

    /// Returns `true` if two runs took the same course; only their speed may
    /// differ.
    #[must_use]
    pub fn same_course(&self, other: &Self) -> bool {
        let other = Self {
            cycles_per_second: self.cycles_per_second,
            pair_cycles_per_second: self.pair_cycles_per_second,
            pair_cycles: self.pair_cycles,
            ..other.clone()
        };
        *self == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: &str, cycle: u64) -> Finding {
        Finding {
            code: code.to_owned(),
            parameters: None,
            what: format!("seen in {cycle}"),
            rule: String::new(),
            driver: "client.sys".to_owned(),
            instance: 1,
            offset: Some(0x1234),
            place: None,
            cycle,
            seed: 7,
            thread: "client.sys!1".to_owned(),
            stack: Vec::new(),
            history: Vec::new(),
            count: 1,
        }
    }

    fn part(cycles: &[u64]) -> Report {
        let mut report = Report::new("sim", 7, 0);
        for &cycle in cycles {
            let counts = Counts {
                loads: 2,
                unloads: 2,
                unloads_provider: 1,
                calls: cycle,
                ..Counts::default()
            };
            report.add_cycle(format!("order {}", cycle % 2), &counts, cycle << 50);
            report.add_finding(finding(if cycle % 3 == 0 { "R29" } else { "0xC2" }, cycle));
        }
        report
    }

    #[test]
    fn parts_merge_to_the_whole_however_they_were_dealt() {
        let whole = part(&[0, 1, 2, 3, 4, 5]);
        for deal in [[&[0_u64, 1][..], &[2, 3, 4, 5]], [&[5, 3, 1], &[4, 2, 0]]] {
            let mut merged = Report::new("sim", 7, 0);
            for cycles in deal.into_iter().rev() {
                merged.merge(part(cycles));
            }
            assert_eq!(merged, whole);
        }
    }

    #[test]
    fn a_defect_is_listed_once_with_its_first_cycle() {
        let report = part(&[9, 3, 6]);
        let [found] = &report.findings[..] else {
            panic!("{:?}", report.findings);
        };
        assert_eq!((found.cycle, found.count), (3, 3));
        assert_eq!(found.what, "seen in 3");
    }

    #[test]
    fn a_run_that_did_less_than_asked_is_not_clean() {
        let mut report = Report::new("sim", 7, 2);
        report.add_cycle("", &Counts::default(), 0);
        assert!(!report.is_clean());
        report.add_cycle("", &Counts::default(), 0);
        assert!(report.is_clean());
        report.add_finding(finding("leak", 1));
        assert!(!report.is_clean());
    }

    #[test]
    fn a_pair_cycle_takes_both() {
        let counts = Counts {
            unloads: 7,
            unloads_provider: 3,
            ..Counts::default()
        };
        assert_eq!(counts.pair_cycles(), 3);
        let mut report = part(&[1, 2]);
        report.took(Duration::from_secs(1));
        assert_eq!(report.pair_cycles, 2);
    }

    #[test]
    fn only_the_speed_may_differ() {
        let one = part(&[1, 2]);
        let mut other = one.clone();
        other.took(Duration::from_secs(1));
        assert!(one.same_course(&other));
        other.digest += 1;
        assert!(!one.same_course(&other));
    }

    #[test]
    fn the_json_is_flat() {
        let json = serde_json::to_value(part(&[1])).unwrap();
        for key in [
            "tier",
            "seed",
            "cycles_requested",
            "cycles_done",
            "cycles_per_second",
            "pair_cycles",
            "pair_cycles_per_second",
            "loads",
            "unloads",
            "attaches",
            "detaches",
            "detaches_pending",
            "waits",
            "calls",
            "completions",
            "leaks",
            "findings",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        let back: Report = serde_json::from_value(json).unwrap();
        assert_eq!(back, part(&[1]));
    }
}
