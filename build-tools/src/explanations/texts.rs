// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reads the texts, and completes those of open points and scenarios from their tables.

use std::collections::BTreeMap;

use registrar::knobs::Knob;
use scenarios::Scenario;
use serde::Deserialize;

use super::{Explanation, Name, Subject};
use crate::terminal::PROGRAM;

/// Where Microsoft documents drivers.
const DRIVERS: &str = "https://learn.microsoft.com/windows-hardware/drivers";

/// A text, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    /// A heading; open points and scenarios have theirs in their tables.
    #[serde(default)]
    title: String,
    /// What the rule demands; open points have it in their table.
    #[serde(default)]
    rule: String,
    /// A page below [`DRIVERS`], or a complete address.
    source: String,
    defect: String,
    correct: String,
}

/// All explanations, in the order in which they are listed.
pub(super) fn read() -> Vec<Explanation> {
    let files = [
        (Subject::Rule, include_str!("rules.toml")),
        (Subject::NetworkRule, include_str!("network_rules.toml")),
        (Subject::BugCheck, include_str!("bug_checks.toml")),
        (Subject::Word, include_str!("words.toml")),
        (Subject::OpenPoint, include_str!("open_points.toml")),
        (Subject::Scenario, include_str!("scenarios.toml")),
    ];
    let mut all: Vec<_> = files
        .into_iter()
        .flat_map(|(subject, text)| {
            let texts: BTreeMap<String, Text> = toml::from_str(text).expect("texts are valid");
            texts
                .into_iter()
                .map(move |(name, text)| complete(subject, name, text))
        })
        .collect();
    all.sort_by_cached_key(|it| (it.subject, place(it)));
    all
}

fn complete(subject: Subject, name: String, text: Text) -> Explanation {
    let (title, rule) = match subject {
        Subject::OpenPoint => open_point(&name),
        Subject::Scenario => (sentence(&name), text.rule),
        Subject::Rule | Subject::NetworkRule | Subject::BugCheck | Subject::Word => {
            (text.title, text.rule)
        }
    };
    let source = if text.source.starts_with("https://") {
        text.source
    } else {
        format!("{DRIVERS}/{}", text.source)
    };
    Explanation {
        subject,
        name,
        title,
        rule: PROGRAM.adapt(&on_one_line(&rule)),
        source,
        defect: on_one_line(&text.defect),
        correct: PROGRAM.adapt(text.correct.trim_end()),
    }
}

/// The place of an explanation among those of its subject: R2 comes before R10.
fn place(it: &Explanation) -> (u32, Name) {
    let number = match it.subject {
        Subject::Rule | Subject::NetworkRule => {
            let digits = it.name.trim_start_matches(|it: char| !it.is_ascii_digit());
            digits.parse().unwrap_or(0)
        }
        _ => 0,
    };
    (number, Name::of(&it.name))
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The question of an open point, and its answers with the evidence.
fn open_point(name: &str) -> (String, String) {
    let knob = Knob::ALL.into_iter().find(|knob| knob.to_string() == name);
    let about = knob.expect("texts are of knobs").about();
    let answers: Vec<_> = about
        .answers
        .iter()
        .enumerate()
        .map(|(number, answer)| format!("{number}, {answer}"))
        .collect();
    let kernel = |answer: Option<u32>| match answer {
        Some(answer) => format!("answers {answer}"),
        None => "draws one for each cycle".to_owned(),
    };
    let rule = format!(
        "No document settles it, and a driver must survive each answer: {}. The documents: {}; \
         --kernel documents {}. Windows: {}; --kernel windows {}.",
        answers.join("; "),
        about.documented,
        kernel(about.documents),
        about.evidence,
        kernel(about.windows),
    );
    (about.question.to_owned(), rule)
}

/// The sentence of a scenario, without its full stop.
fn sentence(name: &str) -> String {
    let scenario: Scenario = name.parse().expect("texts are of scenarios");
    scenario.sentence().trim_end_matches('.').to_owned()
}
