// SPDX-License-Identifier: MIT OR Apache-2.0

//! `tests/zoo/survivors.toml`: why mutants that change what a driver does are not found.

use anyhow::Result;
use scenarios::Mutation;
use serde::Deserialize;

use crate::workspace::Workspace;

/// The table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Survivors {
    #[serde(default)]
    survivor: Vec<Explained>,
}

/// Mutants of one line of the source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Explained {
    /// The function, as debug information names it.
    function: String,
    /// The source line without the space around it.
    line: String,
    /// The kinds of change that are not found.
    mutations: Vec<Mutation>,
    /// Why they are not found.
    pub(super) why: String,
}

impl Survivors {
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        crate::zoo::read(&workspace.root().join("tests/zoo/survivors.toml"))
    }

    /// The number of the explanation for a mutant of this source line.
    pub(super) fn find(&self, function: &str, line: &str, mutation: Mutation) -> Option<usize> {
        self.survivor.iter().position(|it| {
            it.function == function && it.line == line && it.mutations.contains(&mutation)
        })
    }

    pub(super) fn get(&self, number: usize) -> &Explained {
        &self.survivor[number]
    }

    /// Those that explain none of the survivors with these numbers.
    pub(super) fn idle(&self, used: &[usize]) -> impl Iterator<Item = String> {
        let all = self.survivor.iter().enumerate();
        let idle = all.filter(|(number, _)| !used.contains(number));
        idle.map(|(_, it)| format!("{}: {}", it.function, it.line))
    }
}
