// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cycles that provoke racing transitions: each module is brought to the state before
//! its transition, then both transitions are triggered at once. This is repeated a few times.

use std::sync::LazyLock;

use rand::{Rng, RngExt};

use crate::cycle::ALONE;
use crate::graph::{Edge, EdgePair, Graph};
use crate::instance::Role;
use crate::stage::Stage;
use crate::step::{Action, Change, Step};

/// The number of attempts in a cycle.
const TRIES: u32 = 8;
/// One in `SETTLED` tries begins after an attach, with traffic in progress.
const SETTLED: u32 = 2;

/// Every pair of racing transitions, the provider's first.
static TARGETS: LazyLock<Vec<EdgePair>> = LazyLock::new(|| {
    let graph = Graph::explore();
    let races = graph.races();
    races
        .filter(|[one, _]| one.role == Role::Provider)
        .collect()
});

/// The race of attempt number `attempt`: each in turn.
pub(crate) fn target(attempt: u64) -> EdgePair {
    let targets = TARGETS.len() as u64;
    let index = usize::try_from(attempt % targets).expect("there are few");
    TARGETS[index]
}

/// What has to happen to a module while its edge is taken. Returns `None` if
/// the peer's coming or going is what takes it.
const fn change(edge: Edge) -> Option<Change> {
    match (edge.from, edge.to) {
        (Stage::Absent | Stage::Loading, _) => Some(Change::Load),
        (Stage::Unloading, _) | (_, Stage::Unloading) => Some(Change::Unload),
        _ => None,
    }
}

/// Steps in which both transitions can happen at once, and after which no
/// driver is loaded.
pub(crate) fn steps(target: EdgePair, random: &mut impl Rng) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut present = [false; 2];
    for _ in 0..TRIES {
        // Who is about to come must be absent, the other there.
        let before = target.map(|edge| change(edge) != Some(Change::Load));
        move_to(&mut present, target, before, random, &mut steps);
        let after = target.map(|edge| change(edge) != Some(Change::Unload));
        let mut actions = differences(present, target, after);
        // An unload that is one of the edges begins where that does.
        for action in &mut actions {
            let own = target.iter().find(|it| it.role == action.instance.role);
            let own = own.filter(|it| it.to == Stage::Unloading);
            action.at = own.map(|it| it.from);
        }
        steps.push(Step::of(actions));
        present = after;
    }
    move_to(&mut present, target, [false; 2], random, &mut steps);
    steps
}

fn differences(present: [bool; 2], target: EdgePair, wanted: [bool; 2]) -> Vec<Action> {
    let sides = (0..2).filter(|side| present[*side] != wanted[*side]);
    let action = |side: usize| {
        let change = if wanted[side] {
            Change::Load
        } else {
            Change::Unload
        };
        change.of(target[side].role.first())
    };
    sides.map(action).collect()
}

/// One after the other comes or goes until those are there who are wanted.
fn move_to(
    present: &mut [bool; 2],
    target: EdgePair,
    wanted: [bool; 2],
    random: &mut impl Rng,
    steps: &mut Vec<Step>,
) {
    for action in differences(*present, target, wanted) {
        let rest = if random.random_ratio(1, SETTLED) {
            random.random_range(0..=ALONE)
        } else {
            0
        };
        let actions = vec![action];
        steps.push(Step {
            rest,
            ..Step::of(actions)
        });
    }
    *present = wanted;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_race_has_its_turn() {
        let targets = TARGETS.len() as u64;
        for (attempt, race) in (0..).zip(TARGETS.iter()) {
            assert_eq!(target(attempt), *race);
            assert_eq!(target(attempt + targets), *race);
        }
    }

    #[test]
    fn somebody_comes_or_goes_in_every_race() {
        for pair in TARGETS.iter() {
            assert!(pair.iter().any(|edge| change(*edge).is_some()), "{pair:?}");
        }
    }
}
