// SPDX-License-Identifier: MIT OR Apache-2.0

//! The catalogue of modules, `tests/zoo/zoo.toml`.

use std::fmt;

use anyhow::{Result, bail};
use registrar::knobs::KernelChoice;
use scenarios::{Finding, Scenario};
use serde::Deserialize;

use super::read;
use crate::terminal::{PROGRAM, nearest};
use crate::workspace::Workspace;

/// All modules and peers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    module: Vec<Module>,
    peer: Vec<Peer>,
}

/// The role of a module in its NPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Provider,
    Client,
}

impl Role {
    /// The name of the role, of its base sources, and of the pair's driver.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Client => "client",
        }
    }

    pub(crate) const fn peer(self) -> Self {
        match self {
            Self::Provider => Self::Client,
            Self::Client => Self::Provider,
        }
    }
}

/// A defective module, and how its defect must be found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The defect, in a sentence.
    pub(super) defect: String,
    /// The known defects and rules of which it is an example.
    pub(super) sources: Vec<String>,
    /// The possible symptoms: one of them must be found.
    pub(super) symptoms: Vec<Symptom>,
    /// The codes of its symptoms under Wine, of which one must be found. If there is none,
    /// it is not tried there.
    #[serde(default)]
    pub(super) wine: Vec<String>,
    /// The peer with which it shows, if not with the pair's driver.
    pub(super) peer: Option<String>,
    /// The script of each cycle; drawn from the seed by default.
    script: Option<String>,
    /// The number of providers and clients in a cycle; drawn from the seed by default.
    instances: Option<String>,
    /// The faults without which it does not show, and nothing must be found.
    faults: Option<String>,
    /// Why it is no defect as Windows answers what the documents leave open; nothing must
    /// be found then.
    pub(super) windows: Option<String>,
}

/// A symptom of a defect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Symptom {
    pub(super) code: String,
    /// The functions in which it may show; any function of the module if there is none.
    #[serde(default)]
    pub(super) at: Vec<String>,
    /// The bug-check parameters that do not vary.
    #[serde(default)]
    parameters: Parameters,
    /// Why the defect can show in this way, if it is not its typical symptom.
    #[serde(default)]
    pub(super) why: String,
}

/// Bug-check parameters; those left out may have any value, as addresses do.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    first: Option<u64>,
    second: Option<u64>,
    third: Option<u64>,
    fourth: Option<u64>,
}

/// A module without a defect, which some defects need to show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// What it does differently from the pair's driver, in a sentence.
    pub(super) what: String,
}

/// How to build an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// Its name, without the extension.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The source file, which replaces functions of the base.
    pub(super) source: String,
    pub(super) defective: bool,
}

impl Symptom {
    /// Returns `true` if a finding in the module's image is this symptom.
    pub(super) fn matches(&self, finding: &Finding) -> bool {
        let place = finding.place.as_ref();
        let in_function = place.is_some_and(|place| self.at.contains(&place.function));
        let parameters = finding.parameters.as_ref();
        self.code == finding.code
            && (self.at.is_empty() || in_function)
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
    pub(crate) fn recipe(&self, defective: bool) -> Recipe {
        let twin = if defective { "" } else { "-twin" };
        Recipe {
            name: format!("{}{twin}", self.name),
            role: self.role,
            source: format!("modules/{}", self.name),
            defective,
        }
    }

    /// The defect, in a sentence.
    pub(crate) fn defect(&self) -> &str {
        &self.defect
    }

    /// The known defects and rules of which it is an example.
    pub(crate) fn sources(&self) -> &[String] {
        &self.sources
    }

    /// The names under which its symptoms are explained, the typical one first.
    pub(crate) fn codes(&self) -> impl Iterator<Item = String> {
        let name = |symptom: &Symptom| match symptom.parameters.first {
            Some(first) => format!("{}/{first:#X}", symptom.code).replace("/0X", "/0x"),
            None => symptom.code.clone(),
        };
        self.symptoms.iter().map(name)
    }

    /// The option of the simulated kernel without which the defect does not show, if it
    /// needs one.
    pub(super) fn trigger(&self) -> Option<String> {
        let faults = self.faults.as_ref();
        faults.map(|kind| format!("--faults={kind}"))
    }

    /// The options of the simulated kernel with which the defect shows in a kernel.
    pub(super) fn triggered_in(&self, kernel: KernelChoice) -> Vec<String> {
        let mut settings = self.settings_in(kernel);
        settings.extend(self.trigger());
        settings
    }

    /// The options of the simulated kernel by which it is judged: those of its cycles,
    /// and the kernel.
    pub(super) fn settings_in(&self, kernel: KernelChoice) -> Vec<String> {
        let mut settings = self.settings();
        settings.push(format!("--kernel={kernel}"));
        settings
    }

    /// The other options of the simulated kernel. They exclude failing `DriverEntry`
    /// calls, which would be a trigger.
    pub(super) fn settings(&self) -> Vec<String> {
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
        write!(f, "{:<32} {} ({sources})", self.name, self.defect)?;
        match &self.windows {
            Some(why) => write!(f, " No defect in --kernel windows: {why}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<32} {} (a {} without defect)",
            self.name,
            self.what,
            self.role.name()
        )
    }
}

impl Catalogue {
    pub(crate) fn modules(&self) -> &[Module] {
        &self.module
    }

    pub(crate) fn peers(&self) -> &[Peer] {
        &self.peer
    }

    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        read(&workspace.root().join("tests/zoo/zoo.toml"))
    }

    /// The modules of these names, each once; all modules if there is no name.
    pub(crate) fn select(&self, names: &[String]) -> Result<Vec<&Module>> {
        let find = |name: &String| {
            let found = self.module.iter().find(|module| module.name == *name);
            found.map_or_else(|| self.unknown(name), Ok)
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

    /// How to build the image that a replay line names: a module, its corrected twin
    /// (`NAME-twin`), or a peer.
    pub(crate) fn recipe(&self, name: &str) -> Result<Recipe> {
        let peers = self.peer.iter().map(Peer::recipe);
        let modules = self.module.iter();
        let recipes = modules.flat_map(|module| [true, false].map(|it| module.recipe(it)));
        match peers.chain(recipes).find(|recipe| recipe.name == name) {
            Some(recipe) => Ok(recipe),
            None => self.unknown(name),
        }
    }

    fn unknown<T>(&self, name: &str) -> Result<T> {
        let names = self.module.iter().map(|module| &*module.name);
        let advice = match nearest(name, names).first() {
            Some(first) => format!("is it {first}? {PROGRAM} zoo --list names all"),
            None => format!("see {PROGRAM} zoo --list"),
        };
        bail!("the zoo has no `{name}`: {advice}")
    }
}
