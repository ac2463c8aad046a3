// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cycles in which programs use the drivers' devices, or in which a `DriverEntry`
//! fails.
//!
//! Some programs load a driver at the first open and unload it at the last close: the
//! stop request comes after the last close, at the same time, or before it, in which case
//! the unload is deferred. Others make requests that the service control manager refuses.

use rand::{Rng, RngExt};

use crate::cycle::{ALONE, TRAFFIC};
use crate::instance::{Instances, Role};
use crate::step::{Action, Change, Step, Usage, Use};

/// The maximum number of programs that use a driver at a time.
const PROGRAMS: u32 = 3;
/// The number of times that programs open or close devices.
const EVENTS: u32 = 12;
/// So often something happens to a gate or a switch.
const TOUCHES: u32 = 6;
/// A `DriverEntry` has no more calls that can fail, as far as is known.
const CALLS: u8 = 10;

/// Programs open and close the drivers' devices; who is in use is loaded.
pub(crate) fn handles(random: &mut impl Rng) -> Vec<Step> {
    let mut users = [0; 2];
    let mut steps = Vec::new();
    for _ in 0..EVENTS {
        let side = random.random_range(0..2);
        let opens = users[side] == 0 || (users[side] < PROGRAMS && random.random());
        if opens {
            open(Role::ALL[side], &mut users[side], &mut steps);
        } else {
            close(Role::ALL[side], &mut users[side], random, &mut steps);
        }
        rest(TRAFFIC / 8, random, &mut steps);
    }
    for (side, role) in Role::ALL.into_iter().enumerate() {
        while users[side] > 0 {
            close(role, &mut users[side], random, &mut steps);
            rest(ALONE, random, &mut steps);
        }
    }
    asked(steps, random)
}

/// In some of these steps a program asks the service control manager for what
/// it refuses.
pub(crate) fn asked(mut steps: Vec<Step>, random: &mut impl Rng) -> Vec<Step> {
    for step in &mut steps {
        if random.random_ratio(1, 4) {
            let role = Role::ALL[random.random_range(0..2)];
            step.uses.push(Usage::Ask.of(role.first()));
        }
    }
    steps
}

fn open(role: Role, users: &mut u32, steps: &mut Vec<Step>) {
    if *users == 0 {
        steps.push(Step::of(vec![Change::Load.of(role.first())]));
    }
    *users += 1;
    steps.push(Step::used(vec![Usage::Open.of(role.first())]));
}

fn close(role: Role, users: &mut u32, random: &mut impl Rng, steps: &mut Vec<Step>) {
    *users -= 1;
    let closed = vec![Usage::Close.of(role.first())];
    if *users > 0 {
        steps.push(Step::used(closed));
        return;
    }
    let stop = vec![Change::Unload.of(role.first())];
    match random.random_range(0..3) {
        0 => steps.extend([Step::used(closed), Step::of(stop)]),
        1 => steps.extend([Step::of(stop), Step::used(closed)]),
        _ => steps.push(Step {
            uses: closed,
            ..Step::of(stop)
        }),
    }
}

/// Programs touch something of the drivers while these come and go.
pub(crate) fn touched(usage: Usage, random: &mut impl Rng) -> Vec<Step> {
    let mut present = [false; 2];
    let mut steps = Vec::new();
    for turn in 0..TOUCHES + 2 {
        let side = if turn < 2 {
            usize::from(turn == 1)
        } else {
            random.random_range(0..2)
        };
        let role = Role::ALL[side];
        let mut step = Step::of(Vec::new());
        step.uses = touches(usage, random);
        // The first two bring both.
        if turn < 2 || step.uses.is_empty() || random.random() {
            step.actions.push(change(present[side]).of(role.first()));
            present[side] = !present[side];
        }
        steps.push(step);
        rest(TRAFFIC / 4, random, &mut steps);
    }
    let left = Role::ALL.into_iter().zip(present).filter(|(_, here)| *here);
    for (role, _) in left {
        steps.push(Step {
            uses: touches(usage, random),
            ..Step::of(vec![Change::Unload.of(role.first())])
        });
    }
    steps
}

/// Up to two programs touch each driver.
fn touches(usage: Usage, random: &mut impl Rng) -> Vec<Use> {
    let mut touches = Vec::new();
    for role in Role::ALL {
        let programs = random.random_range(0..=2);
        touches.extend((0..programs).map(|_| usage.of(role.first())));
    }
    touches
}

const fn change(present: bool) -> Change {
    if present {
        Change::Unload
    } else {
        Change::Load
    }
}

/// A driver's first `DriverEntry` fails, with its peer there or not; then all come
/// and go.
pub(crate) fn failed_entry(images: Instances, random: &mut impl Rng) -> Vec<Step> {
    let drawn = Role::ALL[random.random_range(0..2)];
    let role = match images.of(drawn) {
        0 => drawn.peer(),
        _ => drawn,
    };
    let mut steps = Vec::new();
    let early = random.random();
    let peer = Change::Load.of(role.peer().first());
    if early {
        steps.push(Step::of(vec![peer]));
        rest(ALONE, random, &mut steps);
    }
    steps.push(Step::of(vec![Action {
        fails: Some(random.random_range(1..=CALLS)),
        ..Change::Load.of(role.first())
    }]));
    rest(ALONE, random, &mut steps);
    // What has come in spite of that goes before it comes again.
    steps.push(Step::of(vec![Change::Unload.of(role.first())]));
    let mut again = vec![Change::Load.of(role.first())];
    again.extend((!early).then_some(peer));
    steps.push(Step::of(again));
    rest(TRAFFIC / 2, random, &mut steps);
    let both = Role::ALL.map(|role| Change::Unload.of(role.first()));
    steps.push(Step::of(both.to_vec()));
    steps
}

/// Lets time pass after the last step, often none.
fn rest(longest: u64, random: &mut impl Rng, steps: &mut [Step]) {
    if random.random()
        && let Some(last) = steps.last_mut()
    {
        last.rest = random.random_range(0..=longest);
    }
}
