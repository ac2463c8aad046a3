// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cycles with any number of images: two of them perform the steps of one provider and one
//! client, while the others are loaded.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::cycle::instances;
use crate::instance::{Instance, Instances, Role};
use crate::step::{Change, Step};

/// These steps, performed by a provider and a client that are drawn from `images`.
///
/// All other images are loaded before or after the first step, and unloaded after
/// the last, unless that is a shutdown. Where a role has no image, its part of the steps is left out.
pub(crate) fn cast(steps: Vec<Step>, images: Instances, random: &mut impl Rng) -> Vec<Step> {
    let drawn = Role::ALL.map(|role| {
        let number = match images.of(role) {
            0 => return None,
            count => random.random_range(1..=count),
        };
        Some(Instance { role, number })
    });
    let performer = |instance: Instance| {
        let performers = drawn.iter().flatten();
        performers.copied().find(|it| it.role == instance.role)
    };
    let mut cast = Vec::new();
    for mut step in steps {
        step.actions.retain_mut(|action| {
            performer(action.instance).is_some_and(|it| {
                action.instance = it;
                true
            })
        });
        step.uses.retain_mut(|one| {
            performer(one.instance).is_some_and(|it| {
                one.instance = it;
                true
            })
        });
        if !step.is_idle() {
            cast.push(step);
        }
    }
    // All of its steps may have been those of a role without an image.
    let performers: BTreeSet<_> = instances(&cast);
    let mut others: Vec<_> = images.all().filter(|it| !performers.contains(it)).collect();
    if others.is_empty() {
        return cast;
    }
    let mut all_of = |change: Change| {
        others.shuffle(random);
        Step::of(others.iter().map(|&it| change.of(it)).collect())
    };
    let (load, unload) = (all_of(Change::Load), all_of(Change::Unload));
    // Nothing is loaded after a shutdown either.
    let may_follow = cast.first().is_some_and(|step| !step.shutdown);
    let first = usize::from(random.random::<bool>() && may_follow);
    cast.insert(first, load);
    // Nothing is unloaded after a shutdown.
    if !cast.last().is_some_and(|step| step.shutdown) {
        cast.push(unload);
    }
    cast
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cycle::{Cycle, CycleFilter};
    use crate::scenario::{Scenario, Tier};

    proptest! {
        #[test]
        fn cycles_of_any_number_of_images_are_sound_and_load_each(
            seed: u64,
            index: u64,
            providers in 0_u8..4,
            clients in 0_u8..4,
            only in proptest::option::of(proptest::sample::select(Scenario::ALL.as_slice())),
        ) {
            let images = Instances { providers, clients };
            let wanted = CycleFilter { tier: Tier::Sim, only, images, ..None.into() };
            prop_assume!(images.all().next().is_some() && wanted.is_possible());
            let cycle = Cycle::draw(seed, index, wanted);
            let script = cycle.script();
            prop_assert!(script.is_sound(), "{script}");
            let everyone = cycle.instances();
            prop_assert!(everyone.iter().all(|it| it.number <= 3.max(images.of(it.role))));
            prop_assert!(everyone.iter().all(|it| images.of(it.role) > 0));
            prop_assert!(images.all().all(|it| everyone.contains(&it)), "{script}");
        }
    }
}
