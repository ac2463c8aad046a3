// SPDX-License-Identifier: MIT OR Apache-2.0

//! Faults: calls of the kernel and of NMR that fail although nothing is wrong.
//!
//! A driver whose `DriverEntry` met one may fail, but must leave nothing; one
//! that goes on must still come to a clean end.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::driver::DriverId;
use crate::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::scheduler::{MICROSECOND, sleep};

/// Which calls fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Faults {
    /// None.
    #[default]
    None,
    /// One in some, and callbacks are late.
    Random,
    /// One in a cycle: the first allocation in the first cycle, the first thread
    /// in the next, and so on to the last call of each kind.
    Systematic,
}

impl Faults {
    const ALL: [Self; 3] = [Self::None, Self::Random, Self::Systematic];
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Random => "random",
            Self::Systematic => "systematic",
        })
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|faults| faults.to_string() == name);
        found.ok_or_else(|| format!("`{name}` names no faults: choose none, random or systematic"))
    }
}

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Allocation,
    Thread,
    Registration,
    Attach,
    Device,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Allocation,
        Self::Thread,
        Self::Registration,
        Self::Attach,
        Self::Device,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Allocation => "allocation",
            Self::Thread => "thread",
            Self::Registration => "registration",
            Self::Attach => "attach",
            Self::Device => "device",
        }
    }
}

/// The faults of a cycle.
#[derive(Debug)]
pub(crate) struct Injector {
    faults: Faults,
    /// The one call that fails in systematic mode, counted from 1.
    chosen: (Kind, u64),
    seen: BTreeMap<Kind, u64>,
    random: ChaCha8Rng,
    /// The drivers that have met one.
    met: Vec<DriverId>,
    /// The faults that were injected, in words.
    pub(crate) injected: Vec<String>,
}

/// In random mode one call in this many fails.
const RARITY: u32 = 24;
/// In systematic mode no call after that fails.
const MOST: u64 = 24;
/// The longest delay at the edge of a callback, in microseconds.
const LONGEST: u64 = 200;

impl Injector {
    pub(crate) fn new(faults: Faults, cycle: u64, random: ChaCha8Rng) -> Self {
        let kinds = Kind::ALL.len() as u64;
        let kind = usize::try_from(cycle % kinds).expect("there are few");
        Self {
            faults,
            chosen: (Kind::ALL[kind], cycle / kinds % MOST + 1),
            seen: BTreeMap::new(),
            random,
            met: Vec::new(),
            injected: Vec::new(),
        }
    }
}

impl State {
    /// Whether the call of this kind that is being made fails.
    pub(crate) fn fails(&mut self, kind: Kind) -> bool {
        let by = self.caller().map(|by| by.driver);
        let faults = &mut self.faults;
        let seen = faults.seen.entry(kind).or_default();
        *seen += 1;
        let number = *seen;
        let fails = match faults.faults {
            Faults::None => false,
            Faults::Random => faults.random.random_ratio(1, RARITY),
            Faults::Systematic => faults.chosen == (kind, number),
        };
        if fails {
            let name = format!("{} {number}", kind.name());
            faults.met.extend(by);
            faults.injected.push(name.clone());
            self.trace(|_| format!("fault: {name} fails"));
        }
        fails
    }

    /// Whether a call of this driver has failed although nothing was wrong.
    pub(crate) fn has_met_fault(&self, driver: DriverId) -> bool {
        self.faults.met.contains(&driver)
    }
}

/// The edge of a callback: it may take a while until that is passed.
pub(crate) fn delay() {
    let late = with(|state| {
        let random = &mut state.faults.random;
        let late = state.faults.faults == Faults::Random && random.random_ratio(1, 8);
        let time = random.random_range(1..=LONGEST) * MICROSECOND;
        let blocks = state.scheduler.current().irql < DISPATCH_LEVEL;
        late.then_some(time).filter(|_| blocks)
    });
    if let Some(time) = late {
        sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn systematic_cycles_choose_every_call_of_every_kind() {
        let chosen: BTreeSet<_> = (0..Kind::ALL.len() as u64 * MOST)
            .map(|cycle| {
                let random = ChaCha8Rng::seed_from_u64(0);
                Injector::new(Faults::Systematic, cycle, random).chosen
            })
            .collect();
        for kind in Kind::ALL {
            for number in 1..=MOST {
                assert!(chosen.contains(&(kind, number)), "{kind:?} {number}");
            }
        }
    }

    #[test]
    fn names_lead_back() {
        for faults in Faults::ALL {
            assert_eq!(faults.to_string().parse(), Ok(faults));
        }
        assert!("some".parse::<Faults>().is_err());
    }
}
