// SPDX-License-Identifier: MIT OR Apache-2.0

//! The coverage of a run: the possible transitions, races and faults that it has
//! reached.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::graph::Graph;
use crate::report::Report;

/// The covered part of what is possible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// How many were covered.
    pub covered: usize,
    /// How many there are.
    pub possible: usize,
    /// The others.
    pub missing: Vec<String>,
}

/// The coverage of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Edges of the graph of each module's stages.
    pub edges: Covered,
    /// Edges, each with every stage that the peer can be in.
    #[serde(rename = "ways")]
    pub transitions: Covered,
    /// Two edges that race, each both ways round.
    pub races: Covered,
    /// Each call that can fail, and each delay, in each order of loads and
    /// unloads, where they were counted.
    pub faults: Covered,
    /// Two edges that cannot race, and why.
    pub impossible: BTreeMap<String, String>,
    /// What was walked although nothing leads there unless something fails.
    pub beyond: Vec<String>,
}

impl Covered {
    fn new(seen: &BTreeSet<String>, possible: impl Iterator<Item = String>) -> Self {
        let possible: Vec<_> = possible.collect();
        let missing = possible.iter().filter(|it| !seen.contains(*it));
        let missing: Vec<_> = missing.cloned().collect();
        Self {
            covered: possible.len() - missing.len(),
            possible: possible.len(),
            missing,
        }
    }
}

impl Coverage {
    /// That of the run with this report.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let graph = Graph::explore();
        let flat = |table: &BTreeMap<String, BTreeMap<String, u64>>, joint: &str| {
            let rows = table.iter();
            let cells = rows.flat_map(|(row, cells)| cells.keys().map(move |cell| (row, cell)));
            cells
                .map(|(row, cell)| format!("{row}{joint}{cell}"))
                .collect::<BTreeSet<_>>()
        };
        let edges = report.edges.keys().cloned().collect();
        let transitions = flat(&report.edges, ", peer ");
        let pairs = flat(&report.pairs, ", ");
        let pair = |[one, other]: [_; 2]| format!("{one}, {other}");
        let possible: BTreeSet<_> = graph.transitions.iter().map(ToString::to_string).collect();
        Self {
            edges: Covered::new(&edges, graph.edges().iter().map(ToString::to_string)),
            beyond: transitions.difference(&possible).cloned().collect(),
            transitions: Covered::new(&transitions, possible.into_iter()),
            races: Covered::new(&pairs, graph.races().map(pair)),
            faults: Covered::new(&flat(&report.faults, ", "), fault_cells(report)),
            impossible: graph
                .impossible()
                .map(|(edges, why)| (pair(edges), why.to_string()))
                .collect(),
        }
    }
}

/// Every call of every kind that can fail, in every order.
fn fault_cells(report: &Report) -> impl Iterator<Item = String> {
    report.fault_calls.iter().flat_map(|(kind, orders)| {
        orders.iter().flat_map(move |(order, calls)| {
            (1..=*calls).map(move |number| format!("{kind} {number}, {order}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{EdgePair, Transition, TransitionCounts};

    fn report(transitions: &[Transition], pairs: &[EdgePair]) -> Report {
        let mut counts = TransitionCounts::default();
        counts
            .transitions
            .extend(transitions.iter().map(|transition| (*transition, 1)));
        counts.pairs.extend(pairs.iter().map(|pair| (*pair, 1)));
        let mut report = Report::new("sim", 7, 1);
        report.add_transitions(&counts);
        report
    }

    #[test]
    fn nothing_is_covered_until_it_was_walked() {
        let coverage = Coverage::of(&report(&[], &[]));
        for part in [coverage.edges, coverage.transitions, coverage.races] {
            assert_eq!(part.covered, 0);
            assert_eq!(part.missing.len(), part.possible);
        }
    }

    #[test]
    fn all_is_covered_when_all_was_walked() {
        let graph = Graph::explore();
        let transitions: Vec<_> = graph.transitions.iter().copied().collect();
        let races: Vec<_> = graph.races().collect();
        let mut coverage = Coverage::of(&report(&transitions, &races));
        for part in [&coverage.edges, &coverage.transitions, &coverage.races] {
            assert_eq!(part.covered, part.possible);
            assert!(part.missing.is_empty());
        }
        coverage = Coverage::of(&report(&transitions[1..], &races[1..]));
        assert_eq!(coverage.transitions.missing, [transitions[0].to_string()]);
        assert_eq!(coverage.races.missing.len(), 1);
    }

    #[test]
    fn a_fault_is_covered_in_the_order_in_which_it_was_met() {
        let mut report = report(&[], &[]);
        let calls = [("one".to_owned(), 2), ("other".to_owned(), 0)];
        report.fault_calls.insert("thread".to_owned(), calls.into());
        report.add_fault("thread 2".to_owned(), "one");
        report.add_fault("thread 1".to_owned(), "other");
        let faults = Coverage::of(&report).faults;
        assert_eq!((faults.covered, faults.possible), (1, 2));
        assert_eq!(faults.missing, ["thread 1, one"]);
    }

    #[test]
    fn what_the_model_rules_out_covers_nothing() {
        let graph = Graph::explore();
        let mut transition = *graph.transitions.first().expect("there are ways");
        transition.edge.to = transition.edge.from;
        let coverage = Coverage::of(&report(&[transition], &[]));
        assert_eq!(coverage.transitions.covered, 0);
        assert_eq!(coverage.beyond, [transition.to_string()]);
    }
}
