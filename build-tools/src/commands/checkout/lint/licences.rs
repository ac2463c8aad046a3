// SPDX-License-Identifier: MIT OR Apache-2.0

//! The licences and registries of all dependencies, against `deny.toml`: the same answer
//! as cargo-deny's, without the program.

use std::fs;

use anyhow::{Context, Result};
use cargo_metadata::{MetadataCommand, Package};
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

use crate::terminal;
use crate::workspace::Workspace;

/// The part of `deny.toml` that is checked here.
#[derive(Deserialize)]
struct Policy {
    licenses: Licences,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

/// Prints each package that the policy does not allow. Returns `true` if there is none.
pub(super) fn are_allowed(workspace: &Workspace) -> Result<bool> {
    let policy = fs::read_to_string(workspace.root().join("deny.toml"))
        .context("deny.toml cannot be read")?;
    let policy: Policy = toml::from_str(&policy).context("deny.toml")?;
    let allowed = policy.licences()?;
    let metadata = MetadataCommand::new()
        .manifest_path(workspace.root().join("Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()
        .context("the dependencies cannot be listed")?;
    let mut complaints = Vec::new();
    for package in &metadata.packages {
        complaints.extend(policy.complaint(&allowed, package));
    }
    for complaint in &complaints {
        terminal::error(complaint);
    }
    Ok(complaints.is_empty())
}

impl Policy {
    fn licences(&self) -> Result<Vec<Licensee>> {
        let parse = |text: &String| {
            Licensee::parse(text).with_context(|| format!("deny.toml: {text}: no such licence"))
        };
        self.licenses.allow.iter().map(parse).collect()
    }

    /// What is wrong with a package.
    fn complaint(&self, allowed: &[Licensee], package: &Package) -> Option<String> {
        let Package { name, version, .. } = package;
        let source = package.source.as_ref().map(|it| it.repr.as_str());
        if let Some(source) = source.filter(|it| !self.allows_source(it)) {
            return Some(format!("{name} {version} comes from {source}"));
        }
        let reason = wrong_licence(allowed, package.license.as_deref()?)?;
        Some(format!("{name} {version}: {reason}: see deny.toml"))
    }

    /// Cargo calls a registry `registry+URL` or `sparse+URL`.
    fn allows_source(&self, source: &str) -> bool {
        let mut registries = self.sources.allow_registry.iter();
        registries.any(|it| source.strip_prefix("registry+") == Some(it) || source == it)
    }
}

/// The reason why a licence expression is not allowed.
fn wrong_licence(allowed: &[Licensee], text: &str) -> Option<String> {
    match Expression::parse_mode(text, ParseMode::LAX) {
        Err(_) => Some(format!("its licence `{text}` is no SPDX expression")),
        Ok(licence) => {
            let passes = licence.evaluate(|wanted| allowed.iter().any(|it| it.satisfies(wanted)));
            (!passes).then(|| format!("its licence `{text}` is not allowed"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_licence_must_be_allowed() {
        let allowed: Vec<_> = ["MIT", "Apache-2.0"]
            .map(|it| Licensee::parse(it).expect("a licence"))
            .into();
        for text in ["MIT", "MIT/Apache-2.0", "Zlib OR MIT", "MIT AND Apache-2.0"] {
            assert_eq!(wrong_licence(&allowed, text), None);
        }
        for text in [
            "GPL-3.0",
            "MIT AND Zlib",
            "Apache-2.0 WITH LLVM-exception",
            "mine",
        ] {
            let found = wrong_licence(&allowed, text).expect("a complaint");
            assert!(found.contains(text), "{found}");
        }
    }
}
