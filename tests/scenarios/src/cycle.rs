// SPDX-License-Identifier: MIT OR Apache-2.0

//! One cycle: both drivers are loaded, work together and are unloaded, in a
//! drawn order.

use std::collections::BTreeSet;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};

use crate::instance::{Instance, Instances, Role};
use crate::model::{Alternative, Models};
use crate::order::{LoadOrder, Order, UnloadOrder};
use crate::scenario::{Scenario, Tier};
use crate::step::{Action, Change, Step, Usage};
use crate::{cast, instance_counts, racing, services, usage};

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

/// The script of one cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The order of loads and unloads, as reports count it.
    pub order: Order,
    /// Which drivers are alternatives.
    pub models: Models,
    /// Loads, unloads and device use, step by step; no driver is loaded after
    /// the last.
    pub steps: Vec<Step>,
    /// Settings of the drivers; others have their defaults.
    pub settings: Vec<Setting>,
}

/// One in `SEVERAL_INSTANCES` cycles has more than one instance of a driver.
const SEVERAL_INSTANCES: u32 = 12;
/// One in `RACING` cycles provokes a race.
const RACING: u64 = 8;
/// Each special scenario gets one in `SPECIAL` of the remaining cycles.
const SPECIAL: usize = 16;
/// The special scenarios.
const SPECIALS: [Scenario; 8] = [
    Scenario::Handles,
    Scenario::Switching,
    Scenario::Gate,
    Scenario::FailedEntry,
    Scenario::Models,
    Scenario::Interop,
    Scenario::Services,
    Scenario::Shutdown,
];

/// Which cycles a run may draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleFilter {
    /// The tier: not every tier has every scenario.
    pub tier: Tier,
    /// The scenario of all cycles; drawn unless given.
    pub only: Option<Scenario>,
    /// The scenario to leave out.
    pub without: Option<Scenario>,
    /// `true` if there are drivers for the driver framework, too.
    pub framework: bool,
    /// `true` if there are drivers in C, too.
    pub c: bool,
    /// The number of drivers each loads; drawn unless given.
    pub instances: Option<Instances>,
    /// The number of images of each role.
    pub images: Instances,
}

impl CycleFilter {
    /// Returns `true` if some cycle passes the filter.
    #[must_use]
    pub fn is_possible(self) -> bool {
        let each_once = self.instances.is_none_or(|it| it == self.images);
        let covered = self.instances.is_none_or(|it| it.cover(self.images));
        let fits = |only| match only {
            Scenario::Instances => self.instances.is_none() || !each_once,
            _ => each_once,
        };
        covered && self.only.is_none_or(|only| fits(only) && self.has(only))
    }

    /// Returns `true` if cycles of this scenario can be drawn.
    const fn has(self, scenario: Scenario) -> bool {
        let possible = match scenario {
            Scenario::Models => self.framework && self.images.is_pair(),
            Scenario::Interop => self.c && self.images.is_pair(),
            Scenario::Paired => self.images.is_pair(),
            Scenario::Races => self.images.has_both(),
            _ => true,
        };
        possible && scenario.is_on(self.tier)
    }
}

/// What every tier supports.
impl From<Option<Instances>> for CycleFilter {
    fn from(instances: Option<Instances>) -> Self {
        Self {
            tier: Tier::Wine,
            only: None,
            without: None,
            framework: false,
            c: false,
            instances,
            images: Instances::default(),
        }
    }
}

impl Cycle {
    /// Cycle number `index` of the run with this seed.
    #[must_use]
    pub fn draw(seed: u64, index: u64, wanted: impl Into<CycleFilter>) -> Self {
        let wanted = wanted.into();
        let mut sizes = stream(seed, index, SIZES);
        let several = wanted.only == Some(Scenario::Instances)
            || wanted.only.is_none() && sizes.random_ratio(1, SEVERAL_INSTANCES);
        let images = wanted.images;
        let instances = match wanted.instances {
            Some(instances) => instances,
            None if several => Instances::several(&mut sizes).covering(images),
            None => images,
        };
        let mut random = stream(seed, index, STEPS);
        if instances != images {
            return Self {
                models: Models::default(),
                order: Order::Instances(instances),
                steps: instance_counts::steps(instances, &mut random),
                settings: settings(&mut random),
            };
        }
        let cycle = Self::once(seed, index, wanted, random);
        if images.is_pair() {
            return cycle;
        }
        let order = match cycle.order {
            Order::Pair(..) => Order::Instances(images),
            order => order,
        };
        let steps = cast::cast(cycle.steps, images, &mut stream(seed, index, CAST));
        Self {
            order,
            steps,
            ..cycle
        }
    }

    /// A cycle for one provider and one client.
    fn once(seed: u64, index: u64, wanted: CycleFilter, mut random: impl Rng) -> Self {
        let mut models = Models::default();
        let (order, steps) = match scenario(seed, index, wanted) {
            Scenario::Paired | Scenario::Instances => {
                let (load, unload) = orders(&mut random);
                return Self::pair(load, unload, &mut random);
            }
            Scenario::Models => {
                models = mixed(Alternative::Wdf, &mut random);
                let steps = if random.random() {
                    usage::touched(Usage::Switch, &mut random)
                } else {
                    let (load, unload) = orders(&mut random);
                    Script::new(&mut random).write(load, unload)
                };
                (Order::Mixed(models), steps)
            }
            Scenario::Interop => {
                models = mixed(Alternative::C, &mut random);
                let (load, unload) = orders(&mut random);
                let steps = Script::new(&mut random).write(load, unload);
                (Order::Mixed(models), steps)
            }
            Scenario::Races => {
                let attempt = match wanted.only {
                    Some(_) => index,
                    None => index / RACING,
                };
                let target = racing::target(attempt);
                (Order::Racing(target), racing::steps(target, &mut random))
            }
            special => {
                let steps = match special {
                    Scenario::Switching => usage::touched(Usage::Switch, &mut random),
                    Scenario::Gate => {
                        let steps = usage::touched(Usage::Hold, &mut random);
                        usage::asked(steps, &mut random)
                    }
                    Scenario::FailedEntry => usage::failed_entry(wanted.images, &mut random),
                    Scenario::Services => services::restarts(&mut random),
                    Scenario::Shutdown => services::shutdown(&mut random),
                    _ => usage::handles(&mut random),
                };
                (Order::Special(special), steps)
            }
        };
        Self {
            order,
            models,
            steps,
            settings: settings(&mut random),
        }
    }

    /// The cycles with these numbers have each order of one provider and one
    /// client in turn, whatever the seed; only what an order leaves open is drawn.
    /// Where more instances are asked for, it is as [`draw`](Self::draw) says.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "fifteen fits into an index")]
    pub fn in_turn(seed: u64, index: u64, instances: Option<Instances>) -> Self {
        if let Some(crowd) = instances.filter(|instances| !instances.is_pair()) {
            return Self {
                order: Order::InstancesInTurn(crowd, index % Self::ORDERS + 1),
                ..Self::draw(seed, index, instances)
            };
        }
        let order = usize::try_from(index % Self::ORDERS).expect("there are few");
        let load = LoadOrder::ALL[order / UnloadOrder::ALL.len()];
        let unload = UnloadOrder::ALL[order % UnloadOrder::ALL.len()];
        Self::pair(load, unload, &mut stream(seed, index, STEPS))
    }

    /// The number of orders [`in_turn`](Self::in_turn) goes through.
    pub const ORDERS: u64 = (LoadOrder::ALL.len() * UnloadOrder::ALL.len()) as u64;

    fn pair(load: LoadOrder, unload: UnloadOrder, random: &mut impl Rng) -> Self {
        Self {
            order: Order::Pair(load, unload),
            models: Models::default(),
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

/// The scenario of a cycle with one of each.
fn scenario(seed: u64, index: u64, wanted: CycleFilter) -> Scenario {
    if let Some(only) = wanted.only {
        return only;
    }
    if index % RACING == RACING - 1 && wanted.has(Scenario::Races) {
        return Scenario::Races;
    }
    let drawn = stream(seed, index, SCENARIO).random_range(0..SPECIAL);
    let special = SPECIALS.get(drawn).copied();
    let special = special.filter(|it| wanted.has(*it) && wanted.without != Some(*it));
    special.unwrap_or(Scenario::Paired)
}

/// Which drivers are alternatives: at least one.
fn mixed(alternative: Alternative, random: &mut impl Rng) -> Models {
    let mixed = Models::mixed(alternative);
    mixed[random.random_range(0..mixed.len())]
}

/// Orders of loads and unloads.
fn orders(random: &mut impl Rng) -> (LoadOrder, UnloadOrder) {
    let load = LoadOrder::ALL[random.random_range(0..LoadOrder::ALL.len())];
    let unload = UnloadOrder::ALL[random.random_range(0..UnloadOrder::ALL.len())];
    (load, unload)
}

/// Every driver that these steps load.
pub(crate) fn instances(steps: &[Step]) -> BTreeSet<Instance> {
    let actions = steps.iter().flat_map(|step| &step.actions);
    actions.map(|action| action.instance).collect()
}

/// Purposes of [`stream`].
const STEPS: u8 = 0;
const SIZES: u8 = 0x80;
const SCENARIO: u8 = 0x81;
const CAST: u8 = 0x82;

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
        self.steps.push(Step {
            rest,
            ..Step::of(actions)
        });
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

/// Any that are possible in the simulated kernel.
#[cfg(test)]
pub(crate) fn wishes() -> impl proptest::strategy::Strategy<Value = CycleFilter> {
    use proptest::prelude::*;

    let only = proptest::option::of(proptest::sample::select(Scenario::ALL.as_slice()));
    let wishes = (only, crate::instance::sizes()).prop_map(|(only, instances)| CycleFilter {
        tier: Tier::Sim,
        only,
        without: None,
        framework: true,
        c: true,
        instances,
        images: Instances::default(),
    });
    wishes.prop_filter("it is possible", |wanted| wanted.is_possible())
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
            wanted in wishes(),
        ) {
            let cycle = Cycle::draw(seed, index, wanted);
            let everyone = cycle.instances();
            let mut loaded = BTreeSet::new();
            let mut met = false;
            for step in cycle.steps {
                for Action { change, instance, .. } in step.actions {
                    match change {
                        Change::Load => prop_assert!(loaded.insert(instance)),
                        Change::Unload => prop_assert!(loaded.remove(&instance)),
                        Change::Reload => prop_assert!(loaded.contains(&instance)),
                    }
                }
                let free = [Scenario::Races, Scenario::Handles];
                met |= loaded == everyone || free.contains(&cycle.order.scenario());
                if step.shutdown {
                    loaded.clear();
                }
            }
            prop_assert!(loaded.is_empty());
            prop_assert!(met);
            if let Some(only) = wanted.only {
                prop_assert_eq!(cycle.order.scenario(), only);
            }
            if let Some(instances) = wanted.instances.filter(|it| !it.is_pair()) {
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
        let draw = |tier| {
            let wanted = CycleFilter {
                tier,
                framework: true,
                c: true,
                ..None.into()
            };
            let cycles = (0..500).map(move |index| Cycle::draw(7, index, wanted));
            cycles.map(|cycle| cycle.order)
        };
        let orders: BTreeSet<_> = draw(Tier::Wine).map(|it| it.to_string()).collect();
        let races = Graph::explore().races().count() / 2;
        let special = SPECIALS.iter().filter(|it| it.is_on(Tier::Wine)).count();
        assert_eq!(orders.len(), 15 + 8 + races + special, "{orders:?}");
        for tier in [Tier::Sim, Tier::Wine, Tier::Windows] {
            let met: BTreeSet<_> = draw(tier).map(Order::scenario).collect();
            let all = Scenario::ALL.into_iter().filter(|it| it.is_on(tier));
            assert!(all.eq(met), "{tier:?}");
        }
    }

    #[test]
    fn a_scenario_that_is_asked_for_is_what_is_drawn() {
        for only in Scenario::ALL {
            let wanted = CycleFilter {
                tier: Tier::Sim,
                only: Some(only),
                framework: true,
                c: true,
                ..None.into()
            };
            let drawn = (0..50).map(|index| Cycle::draw(7, index, wanted).order.scenario());
            assert!(drawn.eq([only; 50]), "{only}");
        }
    }

    #[test]
    fn what_is_left_out_changes_no_other_cycle() {
        let all = CycleFilter {
            tier: Tier::Sim,
            framework: true,
            c: true,
            ..None.into()
        };
        let without = |scenario| CycleFilter {
            without: Some(scenario),
            ..all
        };
        let no_framework = CycleFilter {
            framework: false,
            ..all
        };
        let no_c = CycleFilter { c: false, ..all };
        for (left_out, fewer) in [
            (Scenario::FailedEntry, without(Scenario::FailedEntry)),
            (Scenario::Models, no_framework),
            (Scenario::Interop, no_c),
        ] {
            for index in 0..300 {
                let [one, other] = [all, fewer].map(|wanted| Cycle::draw(7, index, wanted));
                if one.order.scenario() == left_out {
                    assert_eq!(other.order.scenario(), Scenario::Paired);
                } else {
                    assert_eq!(one, other);
                }
            }
        }
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
