// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cycles with several instances of a driver: groups of instances are loaded, unloaded,
//! loaded again, and finally unloaded.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::cycle::{ALONE, TRAFFIC};
use crate::instance::{Instance, Instances};
use crate::step::{Change, Step};

/// The most groups that are unloaded or loaded in between.
const CHANGES: u32 = 3;

/// Steps in which all instances are loaded at once at least once, and after
/// which none is.
pub(crate) fn steps(instances: Instances, random: &mut impl Rng) -> Vec<Step> {
    // Every binding has traffic: more of them, less time.
    let bindings = u64::from(instances.providers) * u64::from(instances.clients);
    let everyone: Vec<_> = instances.all().collect();
    let mut groups = Groups {
        present: BTreeSet::new(),
        steps: Vec::new(),
        traffic: TRAFFIC / bindings.max(1) / 2,
        random,
    };
    groups.all(everyone.clone());
    groups.rest(groups.traffic);
    for _ in 0..groups.random.random_range(0..=CHANGES) {
        let mut some = everyone.clone();
        some.shuffle(groups.random);
        some.truncate(groups.random.random_range(1..=some.len()));
        groups.change(some);
        groups.rest(groups.traffic);
    }
    let left = groups.present.iter().copied().collect();
    groups.all(left);
    groups.steps
}

struct Groups<'a, R> {
    present: BTreeSet<Instance>,
    steps: Vec<Step>,
    traffic: u64,
    random: &'a mut R,
}

impl<R: Rng> Groups<'_, R> {
    /// Loads or unloads each of these, in groups.
    fn all(&mut self, mut them: Vec<Instance>) {
        them.shuffle(self.random);
        while !them.is_empty() {
            let first = self.random.random_range(0..them.len());
            let group = them.split_off(first);
            self.change(group);
            self.rest(ALONE);
        }
    }

    /// Unloads the loaded instances of a group and loads the others, all at
    /// once.
    fn change(&mut self, group: Vec<Instance>) {
        let actions = group.into_iter().map(|instance| {
            if self.present.remove(&instance) {
                Change::Unload.of(instance)
            } else {
                self.present.insert(instance);
                Change::Load.of(instance)
            }
        });
        let actions = actions.collect();
        self.steps.push(Step::of(actions));
    }

    /// Lets time pass after the last step, often none.
    fn rest(&mut self, longest: u64) {
        if self.random.random()
            && let Some(last) = self.steps.last_mut()
        {
            last.rest = self.random.random_range(0..=longest);
        }
    }
}
