// SPDX-License-Identifier: MIT OR Apache-2.0

//! The report of a run.

mod code;
mod counts;
mod finding;
mod histogram;
mod ignored;
mod missing;
mod network_rule;
mod npis;
mod unsupported;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::graph::TransitionCounts;
use crate::scenario::Scenario;
pub use code::{CODE_WORDS, is_code};
pub use counts::Counts;
pub use finding::{Finding, Frame, OpenPoint, Place};
pub use histogram::{Histogram, Histograms};
pub use ignored::Ignored;
pub use missing::MissingImports;
pub use network_rule::NetworkRule;
pub use npis::{NpiReport, Npis};
pub use unsupported::{Unsupported, Verdict};

/// The report of a run, or of a part of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The tier of the run.
    pub tier: String,
    /// What all choices were drawn from.
    pub seed: u64,
    /// The cycles that were asked for.
    pub cycles_requested: u64,
    /// The cycles that were run, those with a finding and those that were cut short
    /// included.
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
    /// How many cycles ran in which simulated kernel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kernels: BTreeMap<String, u64>,
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
    /// What cut cycles short because this kernel does not provide it, each use once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported: Vec<Unsupported>,
    /// What each driver image imports that this kernel does not provide.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_imports: BTreeMap<String, MissingImports>,
    /// What is worth telling but no failure, each thing once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Finding>,
}

/// Adds a finding to a list, or to the count of the same one, of which the first
/// cycle is kept.
fn add_to(list: &mut Vec<Finding>, finding: Finding, same: impl Fn(&Finding, &Finding) -> bool) {
    match list.iter_mut().find(|known| same(known, &finding)) {
        Some(known) => {
            let count = known.count + finding.count;
            let kernels = &known.kernels | &finding.kernels;
            let scenarios = &known.scenarios | &finding.scenarios;
            if finding.cycle < known.cycle {
                *known = finding;
            }
            known.count = count;
            known.kernels = kernels;
            known.scenarios = scenarios;
        }
        None => list.push(finding),
    }
    list.sort_by(|one, other| {
        let key = |it: &Finding| (it.cycle, it.code.clone(), it.what.clone());
        key(one).cmp(&key(other))
    });
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
            kernels: BTreeMap::new(),
            edges: BTreeMap::new(),
            pairs: BTreeMap::new(),
            faults: BTreeMap::new(),
            fault_calls: BTreeMap::new(),
            mechanisms_absent: BTreeSet::new(),
            digest: 0,
            findings: Vec::new(),
            unsupported: Vec::new(),
            missing_imports: BTreeMap::new(),
            notes: Vec::new(),
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

    /// Adds a cycle in this simulated kernel.
    pub fn add_kernel(&mut self, kernel: impl fmt::Display) {
        *self.kernels.entry(kernel.to_string()).or_default() += 1;
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
        add_to(&mut self.findings, finding, Finding::is_same_as);
    }

    /// Adds a note, or to the count of the same one.
    pub fn add_note(&mut self, note: Finding) {
        add_to(&mut self.notes, note, |one, other| {
            one.is_same_as(other) && one.what == other.what
        });
    }

    /// Adds a use of what the kernel does not provide, or to the count of the same one.
    pub fn add_unsupported(&mut self, unsupported: Unsupported) {
        let mut known = self.unsupported.iter_mut();
        match known.find(|it| it.is_same_as(&unsupported)) {
            Some(known) => {
                let count = known.count + unsupported.count;
                if unsupported.cycle < known.cycle {
                    *known = unsupported;
                }
                known.count = count;
            }
            None => self.unsupported.push(unsupported),
        }
        self.unsupported.sort_by_key(|it| it.cycle);
    }

    /// Adds the verdict on a cycle that did not run to its end.
    pub fn add_verdict(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Finding(finding) => self.add_finding(finding),
            Verdict::Unsupported(unsupported) => self.add_unsupported(unsupported),
        }
    }

    /// The number of cycles that were cut short.
    #[must_use]
    pub fn cut_short(&self) -> u64 {
        self.unsupported.iter().map(|it| it.count).sum()
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
        for (kernel, count) in part.kernels {
            *self.kernels.entry(kernel).or_default() += count;
        }
        for finding in part.findings {
            self.add_finding(finding);
        }
        for unsupported in part.unsupported {
            self.add_unsupported(unsupported);
        }
        self.missing_imports.extend(part.missing_imports);
        for note in part.notes {
            self.add_note(note);
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

    /// Returns `true` if all that was asked for was done, no cycle was cut short and
    /// nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.cycles_done >= self.cycles_requested
            && self.findings.is_empty()
            && self.unsupported.is_empty()
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
            kernels: BTreeSet::from(["documents".to_owned()]),
            open_points: Vec::new(),
            cycle,
            seed: 7,
            scenarios: BTreeSet::new(),
            thread: "client.sys!1".to_owned(),
            stack: Vec::new(),
            history: Vec::new(),
            count: 1,
        }
    }

    #[test]
    fn a_finding_keeps_the_scenarios_of_all_its_cycles() {
        let mut report = Report::new("sim", 7, 10);
        for (cycle, scenario) in [(3, "races"), (1, "paired"), (5, "races")] {
            report.add_finding(Finding {
                scenarios: [scenario.to_owned()].into(),
                ..finding("R28", cycle)
            });
        }
        let [found] = &report.findings[..] else {
            panic!("{:?}", report.findings);
        };
        assert_eq!((found.cycle, found.count), (1, 3));
        assert!(found.scenarios.iter().eq(["paired", "races"]));
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
            report.add_note(finding("R1", cycle));
            report.add_kernel(["documents", "windows"][usize::from(cycle % 2 == 0)]);
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
    fn a_cycle_that_was_cut_short_has_not_passed() {
        let cut = |cycle| Unsupported {
            what: "calls NtFoo of ntoskrnl.exe".to_owned(),
            driver: "client.sys".to_owned(),
            instance: 1,
            offset: Some(0x1234),
            place: None,
            cycle,
            seed: 7,
            thread: String::new(),
            stack: Vec::new(),
            count: 1,
        };
        let mut report = part(&[]);
        report.add_unsupported(cut(5));
        let mut other = part(&[]);
        other.add_verdict(Verdict::Unsupported(cut(4)));
        report.merge(other);
        let [found] = &report.unsupported[..] else {
            panic!("{:?}", report.unsupported);
        };
        assert_eq!((found.cycle, found.count), (4, 2));
        assert_eq!(report.cut_short(), 2);
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
