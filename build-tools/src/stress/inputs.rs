// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a run in the simulated kernel depends on beside its seed, as its report tells it:
//! reports whose inputs are equal are parts of one run, and the plan can be made again.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{ShardOf, StressPlan, Tier};
use crate::simulator;
use crate::workspace::Workspace;
use crate::workspace::hash::sha256;

/// The inputs of a run, and which of its cycles a report is of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Inputs {
    /// The version of this program.
    pub(super) program: String,
    /// The options that differ from the defaults.
    pub(super) options: Vec<String>,
    /// What was loaded, and the descriptions of NPIs.
    pub(super) files: Vec<InputFile>,
    /// The first cycle.
    pub(super) first: u64,
    /// The number of cycles.
    pub(super) cycles: u64,
    /// The share of a larger run that these cycles are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shard: Option<ShardOf>,
}

/// A file that a run depends on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct InputFile {
    /// The option of the simulated kernel that takes it, without hyphens.
    pub(super) role: String,
    /// `true` if the command named it; otherwise the workspace has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    named: bool,
    file: PathBuf,
    sha256: String,
}

impl InputFile {
    fn read(role: &str, named: bool, file: &Path) -> Result<Self> {
        Ok(Self {
            role: role.to_owned(),
            named,
            file: Workspace::relative(file.to_owned()),
            sha256: hash(file)?,
        })
    }

    /// What makes it the same file on another machine.
    fn identity(&self) -> (&str, bool, &str) {
        (&self.role, self.named, &self.sha256)
    }
}

/// The SHA-256 hash of a file.
fn hash(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(sha256(&bytes))
}

impl Inputs {
    /// The inputs of a plan; the images are built.
    pub(crate) fn of(plan: &StressPlan, workspace: &Workspace) -> Result<Self> {
        let mut files = Vec::new();
        if plan.drivers.is_empty() {
            for (role, image) in [("provider", &plan.provider), ("client", &plan.client)] {
                let named = plan.override_of(role).is_some();
                files.push(InputFile::read(role, named, image)?);
            }
        }
        for driver in &plan.drivers {
            files.push(InputFile::read("driver", true, driver)?);
        }
        if plan.is_own_pair() {
            for (role, image) in simulator::alternatives(workspace) {
                files.push(InputFile::read(role, false, &image)?);
            }
        }
        for description in workspace.descriptions() {
            files.push(InputFile::read("npi", false, description)?);
        }
        for option in &plan.options {
            if let Some(description) = option.strip_prefix("--npi=") {
                files.push(InputFile::read("npi", true, Path::new(description))?);
            }
        }
        Ok(Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            options: plan.options.clone(),
            files,
            first: plan.first,
            cycles: plan.cycles,
            shard: plan.shard,
        })
    }

    /// What differs from the inputs of another part of the same run.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        if self.program != other.program {
            return Some(format!(
                "versions {} and {} of this program",
                self.program, other.program
            ));
        }
        if self.options != other.options {
            let shown = |options: &[String]| match options {
                [] => "none".to_owned(),
                some => some.join(" "),
            };
            return Some(format!(
                "options: {}; {}",
                shown(&self.options),
                shown(&other.options)
            ));
        }
        let mut pairs = self.files.iter().zip(&other.files);
        let different = pairs.find(|(one, other)| one.identity() != other.identity());
        match different {
            Some((one, other)) => Some(format!(
                "files: {} {} and {} {} by their hashes",
                one.role,
                one.file.display(),
                other.role,
                other.file.display()
            )),
            None if self.files.len() != other.files.len() => Some("numbers of files".to_owned()),
            None => None,
        }
    }

    /// The plan of the run with this seed.
    pub(super) fn plan(&self, seed: u64) -> StressPlan {
        let mut plan = StressPlan::empty(Tier::Sim);
        for input in &self.files {
            let file = input.file.clone();
            match &*input.role {
                "provider" => {
                    plan.provider.clone_from(&file);
                    plan.overrides
                        .extend(input.named.then_some(("provider", file)));
                }
                "client" => {
                    plan.client.clone_from(&file);
                    plan.overrides
                        .extend(input.named.then_some(("client", file)));
                }
                "driver" => plan.drivers.push(file),
                _ => {}
            }
        }
        let mut options = self.options.iter();
        plan.only = options.find_map(|it| it.strip_prefix("--only=")?.parse().ok());
        plan.options.clone_from(&self.options);
        plan.seed = seed;
        plan.first = self.first;
        plan.cycles = self.cycles;
        plan.shard = self.shard;
        plan
    }

    /// Returns `true` if the same files are here.
    pub(super) fn are_here(&self) -> bool {
        let is_here = |it: &InputFile| hash(&it.file).is_ok_and(|hash| hash == it.sha256);
        self.files.iter().all(is_here)
    }
}
