// SPDX-License-Identifier: MIT OR Apache-2.0

//! `tests/zoo/zoo.toml`, the one place that says which modules there are.

use std::fmt;

use anyhow::{Result, bail};
use scenarios::{Finding, Scenario};
use serde::Deserialize;

use super::read;
use crate::workspace::Workspace;

/// All modules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    pub(super) module: Vec<Module>,
    pub(super) peer: Vec<Peer>,
}

/// Which end of the NPI a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Provider,
    Client,
}

impl Role {
    /// The name of its base, and of the driver that is such a module.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Client => "client",
        }
    }

    pub(super) const fn peer(self) -> Self {
        match self {
            Self::Provider => Self::Client,
            Self::Client => Self::Provider,
        }
    }
}

/// A defective module and how it must be found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) role: Role,
    /// What it does wrong, in a sentence.
    pub(super) defect: String,
    /// What it is an example of.
    pub(super) sources: Vec<String>,
    /// How it shows, in one of these ways.
    pub(super) faces: Vec<Face>,
    /// As what it shows under Wine, in one of these ways; there it is not tried
    /// if there is none.
    #[serde(default)]
    pub(super) wine: Vec<String>,
    /// The peer that it shows with, if not with this project's driver.
    pub(super) peer: Option<String>,
    /// What each cycle does, if not what is drawn for it.
    script: Option<String>,
    /// How many providers and clients a cycle loads, if not as many as are
    /// drawn for it.
    instances: Option<String>,
    /// It takes threads that are preempted inside driver code, between two
    /// calls; without, nothing must be found.
    #[serde(default)]
    preempt: bool,
    /// It takes calls that fail; without, nothing must be found.
    faults: Option<String>,
}

/// One way in which a defect shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Face {
    pub(super) code: String,
    /// The functions in one of which; anywhere in the module if there is none.
    #[serde(default)]
    pub(super) at: Vec<String>,
    /// The parameters of the bug check that are always the same.
    #[serde(default)]
    parameters: Parameters,
    /// Why this defect may show so, where that is not what it is known for.
    #[serde(default)]
    pub(super) why: String,
}

/// What the parameters of a bug check are; those that are left out may be
/// anything, as addresses are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    first: Option<u64>,
    second: Option<u64>,
    third: Option<u64>,
    fourth: Option<u64>,
}

/// A right module that a defect needs to show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) role: Role,
    /// What is special about it, in a sentence.
    pub(super) what: String,
}

/// An image that can be made here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// Its name, without the extension.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The file that replaces functions of its base.
    pub(super) source: String,
    pub(super) defective: bool,
}

impl Face {
    /// Whether a finding in the module's image looks so.
    pub(super) fn shows(&self, finding: &Finding) -> bool {
        let there = finding.place.as_ref();
        let there = there.is_some_and(|place| self.at.contains(&place.function));
        let parameters = finding.parameters.as_ref();
        self.code == finding.code
            && (self.at.is_empty() || there)
            && self.parameters.fit(parameters)
    }
}

impl Parameters {
    fn fit(&self, actual: Option<&[u64; 4]>) -> bool {
        let expected = [self.first, self.second, self.third, self.fourth];
        let fits = |(place, expected): (usize, Option<u64>)| {
            expected.is_none_or(|it| actual.is_some_and(|actual| actual[place] == it))
        };
        expected.into_iter().enumerate().all(fits)
    }
}

impl Module {
    pub(super) fn recipe(&self, defective: bool) -> Recipe {
        let twin = if defective { "" } else { "-twin" };
        Recipe {
            name: format!("{}{twin}", self.name),
            role: self.role,
            source: format!("modules/{}", self.name),
            defective,
        }
    }

    /// The options of the simulated kernel without which the defect cannot show.
    pub(super) fn triggers(&self) -> Vec<String> {
        let faults = self.faults.iter().map(|kind| format!("--faults={kind}"));
        let preempt = self.preempt.then(|| "--preempt".to_owned());
        faults.chain(preempt).collect()
    }

    /// The options of the simulated kernel that it runs with besides those. A
    /// `DriverEntry` that fails is a trigger, which few modules are there for.
    pub(super) fn setting(&self) -> Vec<String> {
        let without = format!("--without={}", Scenario::FailedEntry);
        let instances = self.instances.iter().map(|it| format!("--instances={it}"));
        let script = self.script.iter().map(|it| format!("--script={it}"));
        script.chain(instances).chain([without]).collect()
    }
}

impl Peer {
    pub(super) fn recipe(&self) -> Recipe {
        Recipe {
            name: self.name.clone(),
            role: self.role,
            source: format!("peers/{}", self.name),
            defective: false,
        }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.sources.join(", ");
        write!(f, "{:<32} {} ({sources})", self.name, self.defect)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<32} {} (a right {})",
            self.name,
            self.what,
            self.role.name()
        )
    }
}

impl Catalogue {
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        read(&workspace.root().join("tests/zoo/zoo.toml"))
    }

    /// Those that are asked for, each once, or all.
    pub(super) fn named(&self, names: &[String]) -> Result<Vec<&Module>> {
        let find = |name: &String| {
            let found = self.module.iter().find(|module| module.name == *name);
            found.map_or_else(|| unknown(name), Ok)
        };
        match names {
            [] => Ok(self.module.iter().collect()),
            names => names
                .iter()
                .enumerate()
                .filter(|&(place, name)| !names[..place].contains(name))
                .map(|(_, name)| find(name))
                .collect(),
        }
    }

    /// How to make the image that a replay line calls so: a module, its twin
    /// (`NAME-twin`), or a peer.
    pub(crate) fn recipe(&self, name: &str) -> Result<Recipe> {
        let peers = self.peer.iter().map(Peer::recipe);
        let modules = self.module.iter();
        let recipes = modules.flat_map(|module| [true, false].map(|it| module.recipe(it)));
        match peers.chain(recipes).find(|recipe| recipe.name == name) {
            Some(recipe) => Ok(recipe),
            None => unknown(name),
        }
    }
}

fn unknown<T>(name: &str) -> Result<T> {
    bail!("the zoo has no {name}: cargo xtask zoo --list names all")
}
