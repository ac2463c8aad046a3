// SPDX-License-Identifier: MIT OR Apache-2.0

//! The counts of the last accepted state, instructions and bytes:
//! `tests/measure/baseline.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::prerequisites::toolchain::Compiler;
use crate::workspace::{Workspace, artifact, output};

/// The part that a count may grow by: the next compiler's choices.
const TOLERANCE: f64 = 0.05;
/// Below this, counts are exact: a single instruction more is a change of the code.
const SMALL: f64 = 200.0;

/// A count that means the same on the next machine.
#[derive(Clone, Debug)]
pub(super) struct Count {
    name: String,
    /// What is counted.
    unit: &'static str,
    value: f64,
    /// `true` if one more is too many.
    exact: bool,
}

impl Count {
    /// One that may grow by the tolerance unless it is small.
    pub(super) const fn new(name: String, unit: &'static str, value: f64) -> Self {
        Self {
            name,
            unit,
            value,
            exact: value < SMALL,
        }
    }

    /// The same, of which one more is too many.
    pub(super) fn exact(self) -> Self {
        Self {
            exact: true,
            ..self
        }
    }

    /// The largest count that is not more than `before`.
    fn limit(&self, before: f64) -> f64 {
        if self.exact {
            before + 0.5
        } else {
            before * (1.0 + TOLERANCE)
        }
    }
}

/// The versions of the compilers, on which instructions depend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Compilers {
    host: String,
    drivers: String,
}

impl Compilers {
    /// Those of this host.
    pub(super) fn find() -> Result<Self> {
        Ok(Self {
            host: output(Command::new("rustc").arg("--version"))?,
            drivers: Compiler::find()?.version,
        })
    }
}

/// Counts by their names.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Baseline {
    compilers: Compilers,
    counts: BTreeMap<String, f64>,
}

impl Baseline {
    fn file(workspace: &Workspace) -> PathBuf {
        workspace.root().join("tests/measure/baseline.json")
    }

    /// Reads the file.
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let file = Self::file(workspace);
        let text = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} has no counts by name", file.display()))
    }

    pub(super) fn write(&self, workspace: &Workspace) -> Result<()> {
        artifact::write_json(&Self::file(workspace), self)
    }

    /// The baseline of these counts, which are all that there are.
    pub(super) fn of(counts: &[Count], compilers: Compilers) -> Self {
        let counts = counts.iter().map(|it| (it.name.clone(), it.value));
        Self {
            compilers,
            counts: counts.collect(),
        }
    }

    /// A difference between the baseline's compilers and these, which explains
    /// other counts.
    pub(super) fn other_compiler(&self, now: &Compilers) -> Option<String> {
        let of = |what, before: &str, now: &str| {
            (before != now).then(|| format!("the baseline has the {what} of {before}, not {now}"))
        };
        of("programs", &self.compilers.host, &now.host)
            .or_else(|| of("drivers", &self.compilers.drivers, &now.drivers))
    }

    /// What exceeds its count, has none, or was not counted, a sentence each.
    pub(super) fn exceeded(&self, counts: &[Count]) -> Vec<String> {
        let mut sentences = Vec::new();
        let mut uncounted = self.counts.clone();
        for count in counts {
            let Count {
                name, unit, value, ..
            } = count;
            uncounted.remove(name);
            let Some(&before) = self.counts.get(name) else {
                sentences.push(format!("{name} has no baseline"));
                continue;
            };
            if *value > count.limit(before) {
                sentences.push(format!("{name}, {value:.1} {unit}, {before:.1} before"));
            }
        }
        // Without counts, nothing would ever exceed them.
        let uncounted = uncounted.into_keys();
        sentences.extend(uncounted.map(|name| format!("{name} was not counted")));
        sentences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, instructions: f64) -> Count {
        Count::new(format!("gate: {name}"), "instructions", instructions)
    }

    #[test]
    fn one_instruction_more_in_a_call_exceeds_and_five_percent_in_a_binding() {
        let of = |counts: &[Count]| Baseline::of(counts, Compilers::default());
        let baseline = of(&[case("call", 22.0), case("binding", 4000.0)]);
        assert!(
            baseline
                .exceeded(&[case("call", 22.0), case("binding", 4200.0)])
                .is_empty()
        );
        let exceeded = baseline.exceeded(&[case("call", 23.0), case("binding", 4201.0)]);
        assert_eq!(exceeded.len(), 2);
        assert_eq!(exceeded[0], "gate: call, 23.0 instructions, 22.0 before");
        let new = baseline.exceeded(&[case("new", 1.0), case("call", 22.0)]);
        assert_eq!(
            new,
            ["gate: new has no baseline", "gate: binding was not counted"]
        );
        assert_eq!(baseline.exceeded(&[]).len(), 2);
        let bytes = of(&[case("binding", 328.0)]);
        assert!(bytes.exceeded(&[case("binding", 329.0)]).is_empty());
        assert_eq!(bytes.exceeded(&[case("binding", 329.0).exact()]).len(), 1);
    }

    #[test]
    fn another_compiler_is_named() {
        let compilers = |drivers: &str| Compilers {
            host: "rustc 1.95.0".to_owned(),
            drivers: drivers.to_owned(),
        };
        let baseline = Baseline::of(&[], compilers("rustc 1.96.0"));
        assert_eq!(baseline.other_compiler(&compilers("rustc 1.96.0")), None);
        assert_eq!(
            baseline
                .other_compiler(&compilers("rustc 1.97.0"))
                .as_deref(),
            Some("the baseline has the drivers of rustc 1.96.0, not rustc 1.97.0")
        );
    }
}
