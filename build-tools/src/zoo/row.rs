// SPDX-License-Identifier: MIT OR Apache-2.0

//! What came of a module: a row of the table.

use std::fmt;

use scenarios::Finding;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) defect: String,
    pub(super) sources: Vec<String>,
    /// The schedules that it took to find the defect.
    pub(super) schedules: Option<u64>,
    pub(super) finding: Option<Finding>,
    /// The line that `cargo xtask replay` shows it with, and whether it does.
    pub(super) replay: Option<String>,
    pub(super) replays: bool,
    /// Whether the finding is one that the catalogue asks for.
    pub(super) expected: bool,
    /// Why it shows so, where that is not what the defect is known for.
    pub(super) why: String,
    /// What was found without what the catalogue says it takes.
    pub(super) untriggered: Option<Finding>,
    /// The schedules in which the twin was clean, and what was found in it.
    pub(super) twin_schedules: u64,
    pub(super) false_alarm: Option<Finding>,
}

impl Row {
    pub(super) fn heading() -> String {
        line("module", "after", "finding", "defect (sources)")
    }

    /// What is not as it should be.
    pub(super) fn faults(&self) -> Vec<String> {
        let name = &self.name;
        let mut faults = Vec::new();
        match (&self.finding, &self.replay) {
            (None, _) => faults.push(format!("{name}: not found")),
            (Some(finding), _) if !self.expected => {
                faults.push(format!("{name}: found as something else: {finding}"));
            }
            (Some(_), Some(line)) if !self.replays => {
                faults.push(format!("{name}: {line} does not show it again"));
            }
            (Some(_), _) => {}
        }
        if let Some(early) = &self.untriggered {
            faults.push(format!("{name}: found without its trigger: {early}"));
        }
        if let Some(alarm) = &self.false_alarm {
            faults.push(format!("{name}: false alarm in its twin: {alarm}"));
        }
        faults
    }
}

/// What a finding is and where, in short.
fn short(finding: &Finding) -> String {
    match &finding.place {
        Some(place) => format!("{} {place}", finding.code),
        None => format!("{} {}", finding.code, finding.driver),
    }
}

fn line(name: &str, after: &str, finding: &str, defect: &str) -> String {
    format!("{name:<31} {after:>5}  {finding:<62} {defect}")
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.schedules.map_or("-".to_owned(), |n| n.to_string());
        let finding = self.finding.as_ref().map_or("nothing".to_owned(), short);
        let twin = match &self.false_alarm {
            Some(alarm) => format!(" TWIN: {}", short(alarm)),
            None => String::new(),
        };
        let why = match &*self.why {
            "" => String::new(),
            why => format!(" {why}"),
        };
        let sources = self.sources.join(", ");
        let defect = format!("{} ({sources}){why}{twin}", self.defect);
        f.write_str(&line(&self.name, &after, &finding, &defect))
    }
}
