// SPDX-License-Identifier: MIT OR Apache-2.0

//! One cycle: both drivers come, work together and go, in a drawn order.

use std::collections::BTreeSet;
use std::fmt;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};

use crate::graph::Pair;
use crate::instance::{Instance, Instances, Role};
use crate::stage::Stage;
use crate::{aim, crowd};

/// What happens to a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Its image comes and its `DriverEntry` runs.
    Load,
    /// Its `DriverUnload` runs and its image goes.
    Unload,
}

impl Change {
    /// The same to this driver.
    #[must_use]
    pub const fn of(self, instance: Instance) -> Action {
        Action {
            change: self,
            instance,
            at: None,
        }
    }
}

/// What happens to one driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Action {
    /// What.
    pub change: Change,
    /// To whom.
    pub instance: Instance,
    /// Only when it is at this stage, or what else happens at once is over.
    pub at: Option<Stage>,
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
    /// Whose: that of each instance.
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

impl LoadOrder {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ProviderFirst, Self::ClientFirst, Self::BothAtOnce];
}

impl UnloadOrder {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ProviderFirst,
        Self::ClientFirst,
        Self::BothAtOnce,
        Self::ProviderReloaded,
        Self::ClientReloaded,
    ];
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

/// In which order drivers come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// One provider and one client.
    Pair(LoadOrder, UnloadOrder),
    /// More of them, in any order.
    Crowd(Instances),
    /// More of them, in one of the orders that [`Cycle::in_turn`] goes through.
    Course(Instances, u64),
    /// One of each, so that two edges race.
    Aimed(Pair),
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pair(load, unload) => write!(f, "load {load}, unload {unload}"),
            Self::Crowd(instances) => write!(f, "{instances} in any order"),
            Self::Course(instances, number) => write!(f, "{instances} course {number}"),
            Self::Aimed([one, other]) => write!(f, "aimed at {one}, {other}"),
        }
    }
}

/// What one cycle does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The order of loads and unloads, as reports count it.
    pub order: Order,
    /// Both, one step after the other; after the last no driver is left.
    pub steps: Vec<Step>,
    /// How the drivers are set up; what is missing has its default.
    pub settings: Vec<Setting>,
}

/// One cycle in this many has more than one instance of a driver.
const CROWDS: u32 = 12;
/// One cycle in this many aims at a race.
const AIMED: u64 = 8;

impl Cycle {
    /// Cycle number `index` of the run with this seed. The instances are drawn,
    /// too, where none are asked for.
    #[must_use]
    pub fn draw(seed: u64, index: u64, instances: Option<Instances>) -> Self {
        let mut sizes = stream(seed, index, SIZES);
        let instances = match instances {
            Some(instances) => instances,
            None if sizes.random_ratio(1, CROWDS) => Instances::several(&mut sizes),
            None => Instances::default(),
        };
        let mut random = stream(seed, index, STEPS);
        if !instances.is_pair() {
            return Self {
                order: Order::Crowd(instances),
                steps: crowd::steps(instances, &mut random),
                settings: settings(&mut random),
            };
        }
        if index % AIMED == AIMED - 1 {
            let target = aim::target(index / AIMED);
            return Self {
                order: Order::Aimed(target),
                steps: aim::steps(target, &mut random),
                settings: settings(&mut random),
            };
        }
        let load = LoadOrder::ALL[random.random_range(0..LoadOrder::ALL.len())];
        let unload = UnloadOrder::ALL[random.random_range(0..UnloadOrder::ALL.len())];
        Self::pair(load, unload, &mut random)
    }

    /// The cycles with these numbers have each order of one provider and one
    /// client in turn, whatever the seed; only what an order leaves open is drawn.
    /// Where more instances are asked for, it is as [`draw`](Self::draw) says.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "fifteen fits into an index")]
    pub fn in_turn(seed: u64, index: u64, instances: Option<Instances>) -> Self {
        if let Some(crowd) = instances.filter(|instances| !instances.is_pair()) {
            return Self {
                order: Order::Course(crowd, index % Self::ORDERS + 1),
                ..Self::draw(seed, index, instances)
            };
        }
        let order = usize::try_from(index % Self::ORDERS).expect("there are few");
        let load = LoadOrder::ALL[order / UnloadOrder::ALL.len()];
        let unload = UnloadOrder::ALL[order % UnloadOrder::ALL.len()];
        Self::pair(load, unload, &mut stream(seed, index, STEPS))
    }

    /// How many orders [`in_turn`](Self::in_turn) goes through.
    pub const ORDERS: u64 = (LoadOrder::ALL.len() * UnloadOrder::ALL.len()) as u64;

    fn pair(load: LoadOrder, unload: UnloadOrder, random: &mut impl Rng) -> Self {
        Self {
            order: Order::Pair(load, unload),
            steps: Script::new(random).write(load, unload),
            settings: settings(random),
        }
    }

    /// Every driver that it loads.
    #[must_use]
    pub fn instances(&self) -> BTreeSet<Instance> {
        instances(&self.steps)
    }
}

/// Every driver that these steps load.
pub(crate) fn instances(steps: &[Step]) -> BTreeSet<Instance> {
    let actions = steps.iter().flat_map(|step| &step.actions);
    actions.map(|action| action.instance).collect()
}

/// Purposes of [`stream`].
const STEPS: u8 = 0;
const SIZES: u8 = 0x80;

/// A source of choices for cycle `index` of the run with this seed; each
/// `purpose` has its own, so that one more choice here changes none there.
/// Purposes 0 and from 0x80 on belong to this crate, the others to the tier.
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
pub(crate) const TRAFFIC: u64 = 8000;
/// The longest that one driver is without the other.
pub(crate) const ALONE: u64 = 300;

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
            LoadOrder::ProviderFirst => self.in_turn(Role::Provider, Change::Load),
            LoadOrder::ClientFirst => self.in_turn(Role::Client, Change::Load),
            LoadOrder::BothAtOnce => self.at_once(Change::Load),
        }
        self.traffic();
        match unload {
            UnloadOrder::ProviderFirst => self.in_turn(Role::Provider, Change::Unload),
            UnloadOrder::ClientFirst => self.in_turn(Role::Client, Change::Unload),
            UnloadOrder::BothAtOnce => self.at_once(Change::Unload),
            UnloadOrder::ProviderReloaded => self.reload(Role::Provider),
            UnloadOrder::ClientReloaded => self.reload(Role::Client),
        }
        self.steps
    }

    fn reload(&mut self, role: Role) {
        let rest = self.alone();
        self.step(vec![Change::Unload.of(role.first())], rest);
        self.step(vec![Change::Load.of(role.first())], 0);
        self.traffic();
        match self.random.random_range(0..3) {
            0 => self.in_turn(Role::Provider, Change::Unload),
            1 => self.in_turn(Role::Client, Change::Unload),
            _ => self.at_once(Change::Unload),
        }
    }

    fn in_turn(&mut self, first: Role, change: Change) {
        let rest = self.alone();
        self.step(vec![change.of(first.first())], rest);
        self.step(vec![change.of(first.peer().first())], 0);
    }

    fn at_once(&mut self, change: Change) {
        let both = Role::ALL.map(|role| change.of(role.first()));
        self.step(both.to_vec(), 0);
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
    use crate::graph::Graph;

    proptest! {
        #[test]
        fn every_cycle_loads_only_what_is_absent_and_leaves_nothing(
            seed: u64,
            index: u64,
            instances in crate::instance::sizes(),
        ) {
            let cycle = Cycle::draw(seed, index, instances);
            let everyone = cycle.instances();
            let mut loaded = BTreeSet::new();
            let mut met = false;
            for step in cycle.steps {
                for Action { change, instance, .. } in step.actions {
                    match change {
                        Change::Load => prop_assert!(loaded.insert(instance)),
                        Change::Unload => prop_assert!(loaded.remove(&instance)),
                    }
                }
                met |= loaded == everyone || matches!(cycle.order, Order::Aimed(_));
            }
            prop_assert!(loaded.is_empty());
            prop_assert!(met);
            if let Some(instances) = instances {
                prop_assert!(everyone.into_iter().eq(instances.all()));
            }
        }

        #[test]
        fn a_cycle_depends_on_its_seed_and_number_alone(seed: u64, index: u64) {
            prop_assert_eq!(Cycle::draw(seed, index, None), Cycle::draw(seed, index, None));
        }
    }

    #[test]
    fn a_short_run_meets_every_order_every_size_and_aims_at_every_race() {
        let orders: BTreeSet<_> = (0..500)
            .map(|index| Cycle::draw(7, index, None).order.to_string())
            .collect();
        let races = Graph::explore().races().count() / 2;
        assert_eq!(orders.len(), 15 + 8 + races, "{orders:?}");
    }

    #[test]
    fn each_order_has_its_turn() {
        let orders: BTreeSet<_> = (0..Cycle::ORDERS)
            .flat_map(|index| [None, Some("2x2".parse().expect("a size"))].map(|it| (index, it)))
            .map(|(index, instances)| Cycle::in_turn(7, index, instances).order.to_string())
            .collect();
        assert_eq!(orders.len(), 2 * 15, "{orders:?}");
    }

    #[test]
    fn purposes_draw_apart() {
        assert_ne!(stream(1, 2, 0).next_u64(), stream(1, 2, 1).next_u64());
        assert_ne!(stream(1, 2, 0).next_u64(), stream(1, 3, 0).next_u64());
        assert_ne!(stream(1, 2, 0).next_u64(), stream(2, 2, 0).next_u64());
    }
}
