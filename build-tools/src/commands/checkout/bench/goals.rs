// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the figures are to be, and whether they are.

use std::fmt;

use serde::Serialize;

use super::measured::Measured;

/// How many times as much two processors should do as one.
const TWO: f64 = 1.9;
/// How many times a 1x1 a binding among many may cost.
const FLAT: f64 = 2.0;

/// A goal.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Goal {
    what: String,
    /// The figure, and its limit.
    figure: f64,
    limit: f64,
    pub(super) met: bool,
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.met { "met" } else { "NOT MET" };
        let Self {
            what,
            figure,
            limit,
            ..
        } = self;
        write!(
            f,
            "goal {word}: {what}: {figure:.2}, the limit is {limit:.2}"
        )
    }
}

impl Goal {
    /// A figure that is to be this limit or less.
    pub(super) fn at_most(what: impl Into<String>, figure: f64, limit: f64) -> Self {
        Self {
            what: what.into(),
            figure,
            limit,
            met: figure <= limit,
        }
    }
}

/// The goals that these cases can tell about.
pub(super) fn of(cases: &[Measured]) -> Vec<Goal> {
    let case = |bench: &str, name: &str| {
        let mut those = cases.iter();
        those.find(|it| it.bench == bench && it.case == name)
    };
    let mut goals = Vec::new();
    let instructions = |name| case("gate", name).and_then(|it| it.instructions);
    if let (Some(gate), Some(reference)) = (
        instructions("gate of one word"),
        instructions("run-down reference"),
    ) {
        let what = "instructions of a gated call, beside a run-down reference";
        goals.push(Goal::at_most(what, gate, reference));
    }
    let per_processor = case("gate", "gate, word per processor");
    if let Some(two) = per_processor.and_then(|it| it.two_threads) {
        goals.push(Goal {
            what: "calls of two processors, beside one, with a word per processor".to_owned(),
            figure: two,
            limit: TWO,
            met: two >= TWO,
        });
    }
    let scaling = || cases.iter().filter(|it| it.bench == "scaling");
    for smallest in scaling().filter(|it| it.case.starts_with("1x1, ")) {
        let host = smallest.case.trim_start_matches("1x1");
        let same = scaling().filter(|it| it.case.ends_with(host));
        let most = same.map(|it| it.ns / smallest.ns).fold(0.0, f64::max);
        let what = format!("time of a binding among many, beside a 1x1{host}");
        goals.push(Goal::at_most(what, most, FLAT));
    }
    goals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_is_not_met_is_said_to_be_so() {
        let case = |bench: &str, case: &str, figure: f64| Measured {
            bench: bench.to_owned(),
            case: case.to_owned(),
            ns: figure,
            instructions: Some(figure),
            two_threads: Some(figure),
        };
        let goals = of(&[
            case("gate", "gate of one word", 22.0),
            case("gate", "run-down reference", 25.0),
            case("gate", "gate, word per processor", 1.5),
            case("scaling", "1x1, checks on", 10.0),
            case("scaling", "400x400, checks on", 30.0),
        ]);
        let met: Vec<_> = goals.iter().map(|goal| goal.met).collect();
        assert_eq!(met, [true, false, false]);
        assert_eq!(
            goals[2].to_string(),
            "goal NOT MET: time of a binding among many, beside a 1x1, checks on: 3.00, the limit \
             is 2.00"
        );
    }
}
