// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cycles about the drivers' services: loads that are requested during an unload, services
//! that change while their drivers are loaded, and the shutdown of the machine.
//!
//! A load never overlaps the unload of the same driver: Windows serialises them since
//! version 8, while [earlier versions did not][osr]. Only the request overlaps.
//!
//! [osr]: https://www.osr.com/nt-insider/2014-issue2/load-unload/

use rand::{Rng, RngExt};

use crate::cycle::{ALONE, TRAFFIC};
use crate::instance::Role;
use crate::step::{Change, Step, Usage};

/// So often something happens to a service.
const EVENTS: u32 = 4;

/// Both drivers come, are restarted while their services are changed, and go.
pub(crate) fn restarts(random: &mut impl Rng) -> Vec<Step> {
    let mut steps = both(Change::Load, random);
    for _ in 0..EVENTS {
        let mut step = Step::of(Vec::new());
        for role in Role::ALL {
            if random.random() {
                step.actions.push(Change::Reload.of(role.first()));
            }
            if random.random() {
                step.uses.push(change(random).of(role.first()));
            }
        }
        step.rest = time(TRAFFIC / 4, random);
        if !step.is_idle() {
            steps.push(step);
        }
    }
    steps.extend(both(Change::Unload, random));
    steps
}

/// Both drivers come, and one of them may have gone when the machine shuts down, may have
/// its device open or may refuse to go; or a load or an unload is under way at that time.
pub(crate) fn shutdown(random: &mut impl Rng) -> Vec<Step> {
    let mut steps = both(Change::Load, random);
    let role = any(random);
    let [one, other] = [role, role.peer()].map(Role::first);
    let (mut actions, mut uses) = (Vec::new(), Vec::new());
    match random.random_range(0..12) {
        0 => steps.push(Step::used(vec![Usage::Open.of(one)])),
        1 => steps.push(Step::of(vec![Change::Unload.of(one)])),
        2 => steps.push(Step::of(vec![Change::Reload.of(one)])),
        // The unload waits for the end of the program.
        3 => steps.extend([
            Step::used(vec![Usage::Open.of(one)]),
            Step::of(vec![Change::Unload.of(one)]),
        ]),
        4 => {
            uses.push(Usage::Hold.of(one));
            actions.push(Change::Unload.of(one));
        }
        5 | 6 => actions.push(Change::Unload.of(one)),
        7 => actions.extend([one, other].map(|it| Change::Unload.of(it))),
        8 => actions.push(Change::Reload.of(one)),
        9 => {
            steps = vec![Step::of(vec![Change::Load.of(other)])];
            actions.push(Change::Load.of(one));
        }
        _ => {}
    }
    if let Some(last) = steps.last_mut() {
        last.rest = time(TRAFFIC / 2, random);
    }
    steps.push(Step {
        uses,
        ..Step::shut_down(actions, time(ALONE, random))
    });
    steps
}

/// The same to both drivers, at once or one after the other.
fn both(change: Change, random: &mut impl Rng) -> Vec<Step> {
    let first = any(random);
    let [one, other] = [first, first.peer()].map(|role| change.of(role.first()));
    let mut steps = if random.random() {
        vec![Step::of(vec![one, other])]
    } else {
        vec![Step::of(vec![one]), Step::of(vec![other])]
    };
    for step in &mut steps {
        step.rest = time(ALONE, random);
    }
    steps
}

fn any(random: &mut impl Rng) -> Role {
    Role::ALL[random.random_range(0..Role::ALL.len())]
}

/// What is done to a service.
fn change(random: &mut impl Rng) -> Usage {
    const ALL: [Usage; 4] = [
        Usage::Ask,
        Usage::Disable,
        Usage::Delete,
        Usage::StartSecond,
    ];
    ALL[random.random_range(0..ALL.len())]
}

/// Some time, often none.
fn time(longest: u64, random: &mut impl Rng) -> u64 {
    if random.random() {
        random.random_range(0..=longest)
    } else {
        0
    }
}
