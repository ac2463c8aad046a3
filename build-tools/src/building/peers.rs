// SPDX-License-Identifier: MIT OR Apache-2.0

//! Peers for drivers under test: for each NPI that a driver registers, a driver of the
//! other role, written in C from the NPI's description and compiled as any other.
//!
//! So what watches, replays and minimises the calls of drivers does the same with a
//! peer's, and its source can be read, and built for Windows.

mod calls;
mod contract;
mod functions;
mod hostile;
mod image;
mod names;
mod own;
mod source;
mod structures;
mod stub;
#[cfg(test)]
mod tests;

use std::fmt;

use npi_description::{Npi, NpiId, Side};
use scenarios::{Registered, Role};

pub(crate) use image::build;

/// How a peer behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Conduct {
    /// It keeps the contract, and takes a side that no driver takes.
    Auto,
    /// It breaks the contract in every way that a module must survive, beside the drivers
    /// that take its side.
    Hostile,
}

/// A module that the peer registers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Module {
    id: NpiId,
    number: u32,
    version: u16,
}

/// A peer that is to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer<'a> {
    id: NpiId,
    side: Side,
    conduct: Conduct,
    /// The description of the NPI; without one the peer is a stub.
    npi: Option<&'a Npi>,
    modules: Vec<Module>,
    /// A module on the other side has characteristics that the NPI defines.
    characteristics: bool,
}

/// The peers that drivers with these registrations lack.
pub(crate) fn lacking<'a>(
    registered: &[Registered],
    npis: &'a [Npi],
    conduct: Conduct,
) -> Vec<Peer<'a>> {
    let mut all: Vec<Peer<'a>> = Vec::new();
    for one in registered.iter().filter(|it| it.status.0 >= 0) {
        let served = registered
            .iter()
            .any(|it| it.npi == one.npi && it.role == one.role.peer() && it.status.0 >= 0);
        let Ok(id) = NpiId::try_from(one.npi.clone()) else {
            continue;
        };
        if served && conduct == Conduct::Auto {
            continue;
        }
        let side = side_of(one.role.peer());
        let npi = npis.iter().find(|npi| npi.id == id);
        let index = all.iter().position(|it| (it.id, it.side) == (id, side));
        let index = index.unwrap_or_else(|| {
            all.push(Peer {
                id,
                side,
                // A stub breaks nothing: nobody knows what would be survived.
                conduct: npi.map_or(Conduct::Auto, |_| conduct),
                npi,
                modules: Vec::new(),
                characteristics: false,
            });
            all.len() - 1
        });
        all[index].add(one);
    }
    all
}

const fn side_of(role: Role) -> Side {
    match role {
        Role::Provider => Side::Provider,
        Role::Client => Side::Client,
    }
}

impl Peer<'_> {
    /// Adds a module for one that the driver registers: some NPIs pair by `Number`, by
    /// the version of the registration, and by `ModuleId`, as far as that is not described.
    fn add(&mut self, one: &Registered) {
        let theirs = one.module_id.clone();
        let theirs = theirs.and_then(|id| NpiId::try_from(id).ok());
        let module = Module {
            id: self.own_id().or(theirs).unwrap_or(self.id),
            number: one.number,
            version: one.instance_version,
        };
        if !self.modules.contains(&module) {
            self.modules.push(module);
        }
        self.characteristics |= one.npi_specific;
    }

    /// The `ModuleId` that the description has.
    fn own_id(&self) -> Option<NpiId> {
        self.npi?.module(self.side).module_id
    }

    /// The modules that it registers. A hostile one registers each several times, and hands
    /// over other characteristics with each.
    fn modules(&self) -> Vec<Module> {
        let times = match self.conduct {
            Conduct::Auto => 1,
            Conduct::Hostile => 3,
        };
        let all = self.modules.iter().cycle();
        all.take(times * self.modules.len()).cloned().collect()
    }

    /// The source.
    fn source(&self) -> String {
        match self.npi {
            Some(npi) => source::described(npi, self.side, &self.modules(), self.conduct),
            None => stub::source(self.id, self.side, &self.modules, self.characteristics),
        }
    }

    const fn role(&self) -> &'static str {
        match self.side {
            Side::Provider => "provider",
            Side::Client => "client",
        }
    }

    /// What a run with this peer does not test, if nothing is known of the NPI: the peer
    /// calls nothing, and refuses what the driver calls.
    pub(crate) fn untested(&self) -> Option<String> {
        if self.npi.is_some() {
            return None;
        }
        let what = match self.side {
            Side::Provider => "each call was refused",
            Side::Client => "no call was made",
        };
        Some(format!(
            "{what}, because NPI {} has no description: add it with --npi FILE",
            self.id
        ))
    }
}

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role();
        match self.npi {
            Some(npi) if self.conduct == Conduct::Hostile => {
                write!(f, "hostile {} {role}", npi.name)
            }
            Some(npi) => write!(f, "{} {role}", npi.name),
            None => write!(f, "{role} of {}", self.id),
        }
    }
}
