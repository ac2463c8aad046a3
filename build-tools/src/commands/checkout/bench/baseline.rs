// SPDX-License-Identifier: MIT OR Apache-2.0

//! The instruction counts of the last accepted state: `tests/measure/baseline.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::measured::Measured;
use crate::workspace::{Workspace, artifact};

/// The part that a count may grow by: the next compiler's choices.
const TOLERANCE: f64 = 0.05;
/// Below this, counts are exact: a single instruction more is a change of the code.
const SMALL: f64 = 200.0;

/// Instruction counts by the case's name.
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

    /// Takes over the counts of these cases, of all that there are.
    pub(super) fn accept(&mut self, cases: &[Measured]) {
        let count = |it: &Measured| Some((it.name(), it.instructions?));
        self.0 = cases.iter().filter_map(count).collect();
    }

    /// What exceeds its count, has none, or was not counted, a sentence each.
    pub(super) fn exceeded(&self, cases: &[Measured]) -> Vec<String> {
        let mut sentences = Vec::new();
        let mut uncounted = self.0.clone();
        for case in cases {
            let Some(now) = case.instructions else {
                continue;
            };
            let name = case.name();
            uncounted.remove(&name);
            let Some(&before) = self.0.get(&name) else {
                sentences.push(format!("{name} has no baseline"));
                continue;
            };
            if now > limit(before) {
                sentences.push(format!("{name}, {now:.1} instructions, {before:.1} before"));
            }
        }
        // Without counts, nothing would ever exceed them.
        let uncounted = uncounted.into_keys();
        sentences.extend(uncounted.map(|name| format!("{name} was not counted")));
        sentences
    }
}

/// The largest count that is not more than `before`.
fn limit(before: f64) -> f64 {
    if before < SMALL {
        before + 0.5
    } else {
        before * (1.0 + TOLERANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, instructions: f64) -> Measured {
        Measured {
            bench: "gate".to_owned(),
            case: name.to_owned(),
            ns: 1.0,
            instructions: Some(instructions),
            two_threads: None,
        }
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
        let mut nothing = case("call", 22.0);
        nothing.instructions = None;
        assert_eq!(baseline.exceeded(&[nothing]).len(), 2);
    }
}
