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
use registrar::host::{Call, Event, Phase, Side};
use scenarios::TraceKind;

use crate::findings::caller::caller;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::loader::drivers::DriverId;
use crate::scheduling::{MICROSECOND, sleep};

/// The injected faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Faults {
    /// None.
    #[default]
    None,
    /// One call in some fails, and callbacks are delayed.
    Random,
    /// One in a cycle, each in turn in each order: see [`Matrix`](crate::Matrix).
    Systematic,
    /// This one.
    One(Fault),
}

/// One call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The callee.
    pub kind: FaultKind,
    /// Its number among these calls, from 1.
    pub number: u64,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Random => f.write_str("random"),
            Self::Systematic => f.write_str("systematic"),
            Self::One(Fault { kind, number }) => write!(f, "{kind}:{number}"),
        }
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let one = || {
            let (kind, number) = name.split_once(':')?;
            let kind = FaultKind::all().find(|it| it.to_string() == kind)?;
            let number = number.parse().ok().filter(|number| *number > 0)?;
            Some(Self::One(Fault { kind, number }))
        };
        match name {
            "none" => Ok(Self::None),
            "random" => Ok(Self::Random),
            "systematic" => Ok(Self::Systematic),
            _ => one().ok_or_else(|| {
                let kinds: Vec<_> = FaultKind::all().map(|kind| kind.to_string()).collect();
                format!(
                    "`{name}` names no faults: choose none, random, systematic or one call, \
                     allocation:7, of {}",
                    kinds.join(", ")
                )
            }),
        }
    }
}

/// What fails or is delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Of pool, a work item.
    Allocation,
    /// A system thread.
    Thread,
    /// `NmrRegister...`.
    Registration,
    /// `NmrClientAttachProvider`.
    Attach,
    /// A device object.
    Device,
    /// A symbolic link.
    Link,
    /// A handle of a device object.
    Handle,
    /// The security of an object.
    Security,
    /// A binding to the driver framework, or one of its objects.
    Framework,
    /// A callback takes a while to begin.
    Before(Callback),
    /// A callback takes a while to return.
    After(Callback),
}

/// A callback of a module's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "NMR names them")]
pub enum Callback {
    ClientAttach,
    ClientDetach,
    ClientCleanup,
    ProviderAttach,
    ProviderDetach,
    ProviderCleanup,
}

impl Callback {
    const ALL: [Self; 6] = [
        Self::ClientAttach,
        Self::ClientDetach,
        Self::ClientCleanup,
        Self::ProviderAttach,
        Self::ProviderDetach,
        Self::ProviderCleanup,
    ];

    const fn of(call: Call, side: Side) -> Option<Self> {
        Some(match (side, call) {
            (Side::Client, Call::AttachCallback) => Self::ClientAttach,
            (Side::Client, Call::DetachCallback) => Self::ClientDetach,
            (Side::Client, Call::CleanupCallback) => Self::ClientCleanup,
            (Side::Provider, Call::AttachCallback) => Self::ProviderAttach,
            (Side::Provider, Call::DetachCallback) => Self::ProviderDetach,
            (Side::Provider, Call::CleanupCallback) => Self::ProviderCleanup,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::ClientAttach => "client-attach",
            Self::ClientDetach => "client-detach",
            Self::ClientCleanup => "client-cleanup",
            Self::ProviderAttach => "provider-attach",
            Self::ProviderDetach => "provider-detach",
            Self::ProviderCleanup => "provider-cleanup",
        }
    }
}

impl FaultKind {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let calls = [
            Self::Allocation,
            Self::Thread,
            Self::Registration,
            Self::Attach,
            Self::Device,
            Self::Link,
            Self::Handle,
            Self::Security,
            Self::Framework,
        ];
        let late = Callback::ALL.map(|it| [Self::Before(it), Self::After(it)]);
        calls.into_iter().chain(late.into_iter().flatten())
    }

    const fn is_late(self) -> bool {
        matches!(self, Self::Before(_) | Self::After(_))
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allocation => f.write_str("allocation"),
            Self::Thread => f.write_str("thread"),
            Self::Registration => f.write_str("registration"),
            Self::Attach => f.write_str("attach"),
            Self::Device => f.write_str("device"),
            Self::Link => f.write_str("link"),
            Self::Handle => f.write_str("handle"),
            Self::Security => f.write_str("security"),
            Self::Framework => f.write_str("framework"),
            Self::Before(callback) => write!(f, "before-{}", callback.name()),
            Self::After(callback) => write!(f, "after-{}", callback.name()),
        }
    }
}

/// The faults of a cycle.
#[derive(Debug)]
pub(crate) struct FaultInjector {
    faults: Faults,
    /// How many calls of each kind there were.
    pub(crate) seen: BTreeMap<FaultKind, u64>,
    random: ChaCha8Rng,
    /// The drivers that have met a fault.
    met: Vec<DriverId>,
    /// The call of this driver that fails in its `DriverEntry`: so many are left
    /// until then.
    entry: Option<(DriverId, u8)>,
    /// The faults that were injected, in words.
    pub(crate) injected: Vec<String>,
}

/// In random mode, one call in this many fails.
const RARITY: u32 = 24;
/// In random mode, one callback in this many is delayed.
const LATE: u32 = 8;
/// The longest delay at the edge of a callback, in microseconds.
const LONGEST: u64 = 200;

impl FaultInjector {
    pub(crate) const fn new(faults: Faults, random: ChaCha8Rng) -> Self {
        Self {
            faults,
            seen: BTreeMap::new(),
            random,
            met: Vec::new(),
            entry: None,
            injected: Vec::new(),
        }
    }
}

impl FaultInjector {
    /// Lets a call of this driver fail, counted from 1. Returns `None` if that
    /// is over.
    pub(crate) fn plan_entry(&mut self, driver: DriverId, call: Option<u8>) {
        self.entry = call.map(|call| (driver, call));
    }

    /// Returns `true` if a call of this driver is the one that was planned.
    fn is_planned(&mut self, by: Option<DriverId>) -> bool {
        let planned = self
            .entry
            .as_mut()
            .filter(|(driver, _)| by == Some(*driver));
        planned.is_some_and(|(_, left)| {
            *left = left.saturating_sub(1);
            *left == 0
        })
    }
}

/// Returns `true` if the call of this kind that is being made fails.
pub(crate) fn fails(state: &mut State, kind: FaultKind) -> bool {
    let by = caller(state).map(|by| by.driver);
    let faults = &mut state.verifier.faults;
    let seen = faults.seen.entry(kind).or_default();
    *seen += 1;
    let number = *seen;
    let fails = match faults.faults {
        Faults::None | Faults::Systematic => false,
        Faults::Random if kind.is_late() => faults.random.random_ratio(1, LATE),
        Faults::Random => faults.random.random_ratio(1, RARITY),
        Faults::One(one) => one == Fault { kind, number },
    };
    if !kind.is_late() && faults.is_planned(by) {
        faults.entry = None;
        faults.met.extend(by);
        state.trace(|_| TraceKind::Fault(format!("{kind} {number}")));
        return true;
    }
    if fails {
        let name = format!("{kind} {number}");
        // Nobody fails because something took a while.
        faults.met.extend(by.filter(|_| !kind.is_late()));
        faults.injected.push(name.clone());
        state.trace(|_| TraceKind::Fault(name));
    }
    fails
}

/// Returns `true` if a call of this driver has failed although nothing was
/// wrong.
pub(crate) fn has_met_fault(state: &State, driver: DriverId) -> bool {
    state.verifier.faults.met.contains(&driver)
}

/// The edge of a callback, if the event is one: it may take a while until that
/// is passed, where it may block at all.
pub(crate) fn delay(event: &Event) {
    let Some(callback) = Callback::of(event.call, event.side) else {
        return;
    };
    let kind = match event.phase {
        Phase::Enter => FaultKind::Before(callback),
        Phase::Leave(_) => FaultKind::After(callback),
    };
    let late = with(|state| {
        let blocks = state.scheduling.current().irql < DISPATCH_LEVEL;
        (blocks && fails(state, kind))
            .then(|| state.verifier.faults.random.random_range(1..=LONGEST) * MICROSECOND)
    });
    if let Some(time) = late {
        sleep(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        let ones = FaultKind::all().map(|kind| Faults::One(Fault { kind, number: 7 }));
        let all = [Faults::None, Faults::Random, Faults::Systematic];
        for faults in all.into_iter().chain(ones) {
            assert_eq!(faults.to_string().parse(), Ok(faults));
        }
        for name in ["some", "allocation", "allocation:0", "allocation:x", ":1"] {
            let error = name.parse::<Faults>().expect_err("no faults");
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }
}
