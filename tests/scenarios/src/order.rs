// SPDX-License-Identifier: MIT OR Apache-2.0

//! Orders of loads and unloads, as reports count them.

use std::fmt;

use crate::graph::EdgePair;
use crate::instance::Instances;
use crate::model::{Alternative, Models};
use crate::scenario::Scenario;

/// The order of loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoadOrder {
    /// The provider, then the client.
    ProviderFirst,
    /// The client, then the provider.
    ClientFirst,
    /// Each on a thread of its own.
    BothAtOnce,
}

/// The order of unloads.
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
    Instances(Instances),
    /// More of them, in one of the orders that [`Cycle::in_turn`](crate::Cycle::in_turn) goes through.
    InstancesInTurn(Instances, u64),
    /// One of each, so that two edges race.
    Racing(EdgePair),
    /// One of each, as this scenario says.
    Special(Scenario),
    /// One of each, of which some are alternatives.
    Mixed(Models),
}

impl Order {
    /// The scenario that it belongs to.
    #[must_use]
    pub const fn scenario(self) -> Scenario {
        match self {
            Self::Pair(..) => Scenario::Paired,
            Self::Instances(_) | Self::InstancesInTurn(..) => Scenario::Instances,
            Self::Racing(_) => Scenario::Races,
            Self::Special(scenario) => scenario,
            Self::Mixed(models) => match models.alternative {
                Alternative::Wdf => Scenario::Models,
                Alternative::C => Scenario::Interop,
            },
        }
    }
}

/// What the alternatives differ in, what the drivers are, and what an alternative is.
const fn words(alternative: Alternative) -> [&'static str; 3] {
    match alternative {
        Alternative::Wdf => ["models", "WDM", "WDF"],
        Alternative::C => ["languages", "Rust", "C"],
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pair(load, unload) => write!(f, "load {load}, unload {unload}"),
            Self::Instances(instances) => write!(f, "{instances} in any order"),
            Self::InstancesInTurn(instances, number) => write!(f, "{instances} course {number}"),
            Self::Racing([one, other]) => write!(f, "aimed at {one}, {other}"),
            Self::Special(scenario) => write!(f, "scenario {scenario}"),
            Self::Mixed(models) => {
                let [what, usual, other] = words(models.alternative);
                let [provider, client] =
                    [models.provider, models.client].map(|is| if is { other } else { usual });
                write!(f, "{what} {provider} provider, {client} client")
            }
        }
    }
}
