// SPDX-License-Identifier: MIT OR Apache-2.0

//! `tests/zoo/zoo.toml`, the one place that says which modules there are.

use std::fmt;
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace::Workspace;

/// All modules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    module: Vec<Module>,
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
}

/// A defective module and how it must be found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Module {
    name: String,
    pub(crate) role: Role,
    /// What it does wrong, in a sentence.
    pub(super) defect: String,
    /// Where the defect is known from.
    pub(super) source: String,
    /// The codes of which one must be found.
    pub(super) codes: Vec<String>,
    /// Whether it takes threads that are preempted inside driver code, between
    /// two calls; without, it must not be found.
    #[serde(default)]
    pub(super) preempt: bool,
    /// The functions in one of which; anywhere in the module if there is none.
    pub(super) functions: Vec<String>,
}

impl Module {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            defect,
            source,
            ..
        } = self;
        write!(f, "{name:<32} {defect} ({source})")
    }
}

impl Catalogue {
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace.root().join("tests/zoo/zoo.toml");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read: restore it", path.display()))?;
        let error = || format!("{} is no catalogue: correct it", path.display());
        toml::from_str(&text).with_context(error)
    }

    /// Those that are asked for, or all.
    pub(super) fn named(&self, names: &[String]) -> Result<Vec<&Module>> {
        if names.is_empty() {
            return Ok(self.module.iter().collect());
        }
        names.iter().map(|name| self.find(name)).collect()
    }

    pub(crate) fn find(&self, name: &str) -> Result<&Module> {
        match self.module.iter().find(|module| module.name == name) {
            Some(module) => Ok(module),
            None => bail!("the zoo has no {name}: cargo xtask zoo --list names all"),
        }
    }
}
