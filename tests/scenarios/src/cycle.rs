// SPDX-License-Identifier: MIT OR Apache-2.0

//! One cycle: both drivers come, work together and go, in a drawn order.

use std::fmt;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};

/// Which of the two drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The driver that provides the NPI.
    Provider,
    /// The driver that consumes it.
    Client,
}

impl Role {
    /// Both, in no particular order.
    pub const ALL: [Self; 2] = [Self::Provider, Self::Client];

    /// The other one.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Provider => Self::Client,
            Self::Client => Self::Provider,
        }
    }

    /// The name of its service.
    #[must_use]
    pub const fn service(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Client => "client",
        }
    }
}

/// What happens to one driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Its image comes and its `DriverEntry` runs.
    Load(Role),
    /// Its `DriverUnload` runs and its image goes.
    Unload(Role),
}

/// What happens at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// All of these at once, each on a thread of its own.
    pub actions: Vec<Action>,
    /// Microseconds that pass after the last of them is over.
    pub rest: u64,
}

/// A number below the key `Parameters` of a driver's service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Whose.
    pub role: Role,
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: u32,
}

/// Who comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoadOrder {
    /// The provider, then the client.
    ProviderFirst,
    /// The client, then the provider.
    ClientFirst,
    /// Each on a thread of its own.
    BothAtOnce,
}

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnloadOrder {
    /// The provider, then the client.
    ProviderFirst,
    /// The client, then the provider.
    ClientFirst,
    /// Each on a thread of its own.
    BothAtOnce,
    /// The provider goes and comes again while the client stays, then both go.
    ProviderReloaded,
    /// The client goes and comes again while the provider stays, then both go.
    ClientReloaded,
}

impl fmt::Display for LoadOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProviderFirst => "provider first",
            Self::ClientFirst => "client first",
            Self::BothAtOnce => "both at once",
        })
    }
}

impl fmt::Display for UnloadOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProviderFirst => "provider first",
            Self::ClientFirst => "client first",
            Self::BothAtOnce => "both at once",
            Self::ProviderReloaded => "provider reloaded",
            Self::ClientReloaded => "client reloaded",
        })
    }
}

/// What one cycle does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The order of the loads.
    pub load: LoadOrder,
    /// The order of the unloads.
    pub unload: UnloadOrder,
    /// Both, one step after the other; after the last no driver is left.
    pub steps: Vec<Step>,
    /// How the drivers are set up; what is missing has its default.
    pub settings: Vec<Setting>,
}

impl Cycle {
    /// Cycle number `index` of the run with this seed.
    #[must_use]
    pub fn draw(seed: u64, index: u64) -> Self {
        let mut random = stream(seed, index, 0);
        let load = match random.random_range(0..3) {
            0 => LoadOrder::ProviderFirst,
            1 => LoadOrder::ClientFirst,
            _ => LoadOrder::BothAtOnce,
        };
        let unload = match random.random_range(0..5) {
            0 => UnloadOrder::ProviderFirst,
            1 => UnloadOrder::ClientFirst,
            2 => UnloadOrder::BothAtOnce,
            3 => UnloadOrder::ProviderReloaded,
            _ => UnloadOrder::ClientReloaded,
        };
        let steps = Script::new(&mut random).write(load, unload);
        let settings = settings(&mut random);
        Self {
            load,
            unload,
            steps,
            settings,
        }
    }

    /// The order in words, as reports count it.
    #[must_use]
    pub fn order(&self) -> String {
        format!("load {}, unload {}", self.load, self.unload)
    }
}

/// A source of choices for cycle `index` of the run with this seed; each
/// `purpose` has its own, so that one more choice here changes none there.
/// Purpose 0 belongs to [`Cycle::draw`], the others to the tier.
#[must_use]
pub fn stream(seed: u64, index: u64, purpose: u8) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8] = purpose;
    let mut random = ChaCha8Rng::from_seed(key);
    random.set_stream(index);
    random
}

/// The names of the settings.
pub(crate) const SETTINGS: [&str; 2] = ["Threads", "Depth"];

/// What the client's documentation lets be set; now and then nothing at all.
fn settings(random: &mut impl Rng) -> Vec<Setting> {
    SETTINGS
        .into_iter()
        .zip([1..=4, 1..=12])
        .filter_map(|(name, range)| {
            let value = random.random_range(range);
            random.random::<bool>().then_some(Setting {
                role: Role::Client,
                name,
                value,
            })
        })
        .collect()
}

/// The longest that both drivers work together, in microseconds.
const TRAFFIC: u64 = 8000;
/// The longest that one driver is without the other.
const ALONE: u64 = 300;

struct Script<'a, R> {
    random: &'a mut R,
    steps: Vec<Step>,
}

impl<'a, R: Rng> Script<'a, R> {
    fn new(random: &'a mut R) -> Self {
        Self {
            random,
            steps: Vec::new(),
        }
    }

    fn write(mut self, load: LoadOrder, unload: UnloadOrder) -> Vec<Step> {
        match load {
            LoadOrder::ProviderFirst => self.in_turn(Role::Provider, Action::Load),
            LoadOrder::ClientFirst => self.in_turn(Role::Client, Action::Load),
            LoadOrder::BothAtOnce => self.at_once(Action::Load),
        }
        self.traffic();
        match unload {
            UnloadOrder::ProviderFirst => self.in_turn(Role::Provider, Action::Unload),
            UnloadOrder::ClientFirst => self.in_turn(Role::Client, Action::Unload),
            UnloadOrder::BothAtOnce => self.at_once(Action::Unload),
            UnloadOrder::ProviderReloaded => self.reload(Role::Provider),
            UnloadOrder::ClientReloaded => self.reload(Role::Client),
        }
        self.steps
    }

    fn reload(&mut self, role: Role) {
        let rest = self.alone();
        self.step(vec![Action::Unload(role)], rest);
        self.step(vec![Action::Load(role)], 0);
        self.traffic();
        match self.random.random_range(0..3) {
            0 => self.in_turn(Role::Provider, Action::Unload),
            1 => self.in_turn(Role::Client, Action::Unload),
            _ => self.at_once(Action::Unload),
        }
    }

    fn in_turn(&mut self, first: Role, action: fn(Role) -> Action) {
        let rest = self.alone();
        self.step(vec![action(first)], rest);
        self.step(vec![action(first.peer())], 0);
    }

    fn at_once(&mut self, action: fn(Role) -> Action) {
        self.step(Role::ALL.map(action).to_vec(), 0);
    }

    fn step(&mut self, actions: Vec<Action>, rest: u64) {
        self.steps.push(Step { actions, rest });
    }

    /// Lets time pass after the step before: often none at all, because
    /// defects live where an unload meets an attach that is still going on.
    fn traffic(&mut self) {
        let rest = if self.random.random_ratio(1, 4) {
            0
        } else {
            self.random.random_range(0..=TRAFFIC)
        };
        if let Some(last) = self.steps.last_mut() {
            last.rest = rest;
        }
    }

    fn alone(&mut self) -> u64 {
        if self.random.random() {
            0
        } else {
            self.random.random_range(0..=ALONE)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_cycle_loads_only_what_is_absent_and_leaves_nothing(seed: u64, index: u64) {
            let mut loaded = BTreeSet::new();
            let mut met = false;
            for step in Cycle::draw(seed, index).steps {
                for action in step.actions {
                    match action {
                        Action::Load(role) => prop_assert!(loaded.insert(role)),
                        Action::Unload(role) => prop_assert!(loaded.remove(&role)),
                    }
                }
                met |= loaded.len() == 2;
            }
            prop_assert!(loaded.is_empty());
            prop_assert!(met);
        }

        #[test]
        fn a_cycle_depends_on_its_seed_and_number_alone(seed: u64, index: u64) {
            prop_assert_eq!(Cycle::draw(seed, index), Cycle::draw(seed, index));
        }
    }

    #[test]
    fn a_short_run_meets_every_order() {
        let orders: BTreeSet<_> = (0..200)
            .map(|index| Cycle::draw(7, index).order())
            .collect();
        assert_eq!(orders.len(), 15, "{orders:?}");
    }

    #[test]
    fn purposes_draw_apart() {
        assert_ne!(stream(1, 2, 0).next_u64(), stream(1, 2, 1).next_u64());
        assert_ne!(stream(1, 2, 0).next_u64(), stream(1, 3, 0).next_u64());
        assert_ne!(stream(1, 2, 0).next_u64(), stream(2, 2, 0).next_u64());
    }
}
