// SPDX-License-Identifier: MIT OR Apache-2.0

//! The fault matrix: which fault each cycle of a systematic run injects.
//!
//! For each order of loads and unloads, a cycle without a fault is run and its calls
//! are counted. Until its fault, a cycle with a fault runs exactly like that one, so
//! there are as many faults of a kind as there were calls, and each gets a cycle of
//! its own. The cycle without a fault comes first in its order: what it finds needs no
//! fault. The next round uses other cycles of the same orders.

use std::collections::BTreeMap;

use scenarios::{Cycle, Instances, Order};

use crate::run::machine::Machine;
use crate::run::options::{Options, Tracing};
use crate::verifier::faults::{Fault, FaultKind, Faults};

/// A cycle and its fault.
#[derive(Clone, Debug)]
pub struct Case {
    /// The cycle's number in its own run, which is that of [`Cycle::in_turn`].
    pub index: u64,
    /// What it does.
    pub cycle: Cycle,
    /// What fails, if anything.
    pub fault: Option<Fault>,
}

/// The calls that can fail in one order.
#[derive(Clone, Debug)]
pub struct Row {
    /// The order.
    pub order: Order,
    /// How many there are of each kind.
    pub calls: BTreeMap<FaultKind, u64>,
}

/// All cases of a seed, as far as they were asked for.
#[derive(Debug)]
pub struct Matrix {
    seed: u64,
    instances: Option<Instances>,
    rounds: Vec<Vec<Row>>,
}

impl Matrix {
    /// Those of this seed.
    #[must_use]
    pub const fn new(seed: u64, instances: Option<Instances>) -> Self {
        Self {
            seed,
            instances,
            rounds: Vec::new(),
        }
    }

    /// What there is to fail in the first round.
    pub fn first_round(&mut self, machine: &mut Machine) -> &[Row] {
        self.round(machine, 0)
    }

    /// How many cases the first round has.
    pub fn size(&mut self, machine: &mut Machine) -> u64 {
        self.first_round(machine).iter().map(Row::size).sum()
    }

    /// The case of cycle number `number`. Returns `None` if there is nothing
    /// to fail.
    pub fn case(&mut self, machine: &mut Machine, number: u64) -> Option<Case> {
        let (seed, instances) = (self.seed, self.instances);
        let mut left = number;
        for round in 0.. {
            let rows = self.round(machine, round);
            for (place, row) in (0..).zip(rows) {
                if left < row.size() {
                    let index = round * Cycle::ORDERS + place;
                    return Some(Case {
                        index,
                        cycle: Cycle::in_turn(seed, index, instances),
                        fault: left.checked_sub(1).and_then(|left| row.fault(left)),
                    });
                }
                left -= row.size();
            }
            if rows.iter().all(|row| row.calls.is_empty()) {
                return None;
            }
        }
        None
    }

    fn round(&mut self, machine: &mut Machine, round: u64) -> &[Row] {
        let options = machine.options().clone();
        // A schedule is for the case, not for the cycles in which it is counted.
        let plan = machine.take_schedule();
        machine.set_options(Options {
            faults: Faults::None,
            ..options.clone()
        });
        while self.rounds.len() as u64 <= round {
            let first = self.rounds.len() as u64 * Cycle::ORDERS;
            let rows = (first..first + Cycle::ORDERS).map(|index| {
                let cycle = Cycle::in_turn(self.seed, index, self.instances);
                let calls = machine.run(self.seed, &cycle, index, Tracing::Off).calls;
                let order = cycle.order;
                Row { order, calls }
            });
            self.rounds.push(rows.collect());
        }
        machine.set_options(options);
        machine.set_schedule(plan);
        let round = usize::try_from(round).expect("they are in memory");
        &self.rounds[round]
    }
}

impl Row {
    /// Its cycles: one for each call, and one without a fault.
    fn size(&self) -> u64 {
        1 + self.calls.values().sum::<u64>()
    }

    /// Fault number `left` of it.
    fn fault(&self, mut left: u64) -> Option<Fault> {
        for (&kind, &calls) in &self.calls {
            if left < calls {
                let number = left + 1;
                return Some(Fault { kind, number });
            }
            left -= calls;
        }
        None
    }
}
