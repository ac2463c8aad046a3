// SPDX-License-Identifier: MIT OR Apache-2.0

//! The counts of the last accepted state, instructions and bytes:
//! `tests/measure/baseline.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::workspace::{Workspace, artifact};

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
    /// Whether one more is too many.
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

/// Counts by their names.
#[derive(Debug, Default)]
pub(super) struct Baseline(BTreeMap<String, f64>);

impl Baseline {
    fn file(workspace: &Workspace) -> PathBuf {
        workspace.root().join("tests/measure/baseline.json")
    }

    /// Reads the file.
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let file = Self::file(workspace);
        let text = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let counts = serde_json::from_slice(&text)
            .with_context(|| format!("{} has no counts by name", file.display()))?;
        Ok(Self(counts))
    }

    pub(super) fn write(&self, workspace: &Workspace) -> Result<()> {
        artifact::write_json(&Self::file(workspace), &self.0)
    }

    /// Takes over these counts, which are all that there are.
    pub(super) fn accept(&mut self, counts: &[Count]) {
        let counts = counts.iter().map(|it| (it.name.clone(), it.value));
        self.0 = counts.collect();
    }

    /// What exceeds its count, has none, or was not counted, a sentence each.
    pub(super) fn exceeded(&self, counts: &[Count]) -> Vec<String> {
        let mut sentences = Vec::new();
        let mut uncounted = self.0.clone();
        for count in counts {
            let Count {
                name, unit, value, ..
            } = count;
            uncounted.remove(name);
            let Some(&before) = self.0.get(name) else {
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
        let mut baseline = Baseline::default();
        baseline.accept(&[case("call", 22.0), case("binding", 4000.0)]);
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
        let mut bytes = Baseline::default();
        bytes.accept(&[case("binding", 328.0)]);
        assert!(bytes.exceeded(&[case("binding", 329.0)]).is_empty());
        assert_eq!(bytes.exceeded(&[case("binding", 329.0).exact()]).len(), 1);
    }
}
