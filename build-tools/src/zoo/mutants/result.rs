// SPDX-License-Identifier: MIT OR Apache-2.0

//! What became of the mutants: the table, the file, and the verdict.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use scenarios::Mutation;
use serde::Serialize;

use super::survivors::Survivors;
use super::trial::Fate;
use super::{Candidate, GOAL, Tried};
use crate::terminal::{self, Verdict, Word, count, count_of, print, time};
use crate::workspace::{Workspace, artifact};

/// A mutant with its fate.
#[derive(Serialize)]
pub(super) struct Judged {
    name: String,
    difference: String,
    /// Its place in the source, and the text of the line.
    place: String,
    line: String,
    fate: FateName,
    /// The finding, or why the run failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    /// Why it is not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip)]
    explanation: Option<usize>,
    #[serde(skip)]
    mutation: Mutation,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum FateName {
    Found,
    Failed,
    Unchanged,
    Survived,
}

impl Judged {
    pub(super) fn new(
        workspace: &Workspace,
        candidate: &Candidate,
        fate: Fate,
        survivors: &Survivors,
    ) -> Self {
        let mutant = &candidate.mutant;
        let line = source_line(workspace, &mutant.place).unwrap_or_default();
        let (fate, what) = match fate {
            Fate::Found(finding) => (FateName::Found, Some(finding.to_string())),
            Fate::Failed(why) => (FateName::Failed, Some(why)),
            Fate::Unchanged => (FateName::Unchanged, None),
            Fate::Survived => (FateName::Survived, None),
        };
        let explanation = (fate == FateName::Survived)
            .then(|| survivors.find(&mutant.place.function, &line, mutant.mutation))
            .flatten();
        Self {
            name: candidate.name(),
            difference: mutant.difference(),
            place: mutant.place.where_in(),
            line,
            fate,
            what,
            why: explanation.map(|number| survivors.get(number).why.clone()),
            explanation,
            mutation: mutant.mutation,
        }
    }

    /// The lines about a mutant that survives.
    pub(super) fn survivor(&self) -> Option<String> {
        (self.fate == FateName::Survived).then(|| {
            let Self {
                name,
                difference,
                place,
                line,
                ..
            } = self;
            let why = self
                .why
                .as_deref()
                .unwrap_or("not explained in tests/zoo/survivors.toml");
            format!("survives  {name}  {difference}\n  at {place}\n     {line}\n  why: {why}")
        })
    }

    const fn counts(&self) -> bool {
        !matches!(self.fate, FateName::Unchanged)
    }
}

/// The text of a source line, without the space around it.
fn source_line(workspace: &Workspace, place: &scenarios::Place) -> Option<String> {
    let file = workspace.root().join(place.file.as_ref()?);
    let text = fs::read_to_string(file).ok()?;
    let line = text
        .lines()
        .nth(usize::try_from(place.line?.checked_sub(1)?).ok()?)?;
    Some(line.trim().to_owned())
}

/// Writes all mutants to `json`, prints a table of the kinds of change, and judges.
pub(crate) fn judge(tried: &Tried, json: Option<&Path>) -> Result<Verdict> {
    let judged = &tried.judged;
    if let Some(path) = json {
        artifact::write_json(path, judged)?;
    }
    print_table(judged);
    let counting = judged.iter().filter(|it| it.counts()).count();
    let survivors: Vec<_> = judged
        .iter()
        .filter(|it| it.fate == FateName::Survived)
        .collect();
    let found = counting - survivors.len();
    let mutants = count_of(judged, "mutant", "mutants");
    let took = time(tried.took);
    let score = format!(
        "{found} of {} found, {}",
        count(
            counting as u64,
            "mutant that changes what the driver does",
            "mutants that change what the driver does"
        ),
        percent(found, counting),
    );
    if judged.len() < tried.wanted {
        let sentence = format!(
            "{} of {} mutants in {took}: {score}",
            judged.len(),
            tried.wanted
        );
        return Ok(Verdict::new(Word::Interrupted, sentence));
    }
    let unexplained = survivors
        .iter()
        .filter(|it| it.explanation.is_none())
        .count();
    let used: Vec<_> = survivors.iter().filter_map(|it| it.explanation).collect();
    let idle: Vec<_> = if tried.all {
        tried.survivors.idle(&used).collect()
    } else {
        Vec::new()
    };
    for line in &idle {
        terminal::error(format!(
            "tests/zoo/survivors.toml explains what is found now: delete {line}"
        ));
    }
    let is_met = found * 100 >= GOAL * counting;
    let sentence = format!(
        "{mutants} in {took}: {score}, the goal of {GOAL} % is {}, {unexplained} of {} not explained",
        if is_met { "met" } else { "not met" },
        count_of(&survivors, "survivor", "survivors")
    );
    let passes = is_met && unexplained == 0 && idle.is_empty();
    if counting == 0 {
        return Ok(Verdict::new(
            Word::NotTested,
            format!("{mutants} in {took}: none changes what the driver does"),
        ));
    }
    Ok(if passes {
        Verdict::pass(sentence)
    } else {
        Verdict::fail(sentence)
    })
}

/// A table: how many mutants of each kind came to what.
fn print_table(judged: &[Judged]) {
    let mut kinds = BTreeMap::<Mutation, [usize; 4]>::new();
    for it in judged {
        let fate = match it.fate {
            FateName::Found => 0,
            FateName::Failed => 1,
            FateName::Survived => 2,
            FateName::Unchanged => 3,
        };
        kinds.entry(it.mutation).or_default()[fate] += 1;
    }
    print(format!(
        "{:<18}{:>8}{:>8}{:>10}{:>8}{:>11}",
        "change", "found", "failed", "survives", "score", "no effect"
    ));
    for (mutation, [found, failed, survived, unchanged]) in kinds {
        let (good, counting) = (found + failed, found + failed + survived);
        print(format!(
            "{:<18}{found:>8}{failed:>8}{survived:>10}{:>8}{unchanged:>11}",
            mutation.to_string(),
            percent(good, counting)
        ));
    }
}

/// A share in percent.
fn percent(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let tenths = part * 1000 / whole;
    format!("{}.{} %", tenths / 10, tenths % 10)
}
