// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the cycles of a run have reached: state transitions, and calls that failed by
//! scenario.

use std::collections::BTreeSet;

use scenarios::Scenario;

use crate::Outcome;

/// The names of what was reached.
#[derive(Debug, Default)]
pub(super) struct Reached(BTreeSet<String>);

impl Reached {
    /// What a cycle of `scenario` is the first to reach.
    pub(super) fn first_of(&mut self, scenario: Scenario, outcome: &Outcome) -> Vec<String> {
        let transitions = scenario
            .keeps_to_model()
            .then(|| outcome.transitions.names());
        // The number of the call says little.
        let kind = |fault: &String| fault.split(' ').next().map(str::to_owned);
        let faults = outcome.faults.iter().filter_map(kind);
        let faults = faults.map(|kind| format!("{kind} fails, {scenario}"));
        let names = transitions.into_iter().flatten().chain(faults);
        names.filter(|name| self.0.insert(name.clone())).collect()
    }
}
