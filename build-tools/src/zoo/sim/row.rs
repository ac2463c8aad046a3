// SPDX-License-Identifier: MIT OR Apache-2.0

//! The result of a module: a row of the table.

use std::fmt;

use scenarios::{Finding, Unsupported};
use serde::Serialize;

/// The result of one module.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(super) name: String,
    pub(super) defect: String,
    pub(super) sources: Vec<String>,
    /// The number of schedules until the defect was found.
    pub(super) schedules: Option<u64>,
    pub(super) finding: Option<Finding>,
    /// Its replay line, and whether the line reproduces it.
    pub(super) replay: Option<String>,
    pub(super) replays: bool,
    /// `true` if the finding is a symptom in the catalogue.
    pub(super) expected: bool,
    /// Why the defect shows in this way, if it is not its typical symptom.
    pub(super) why: String,
    /// The finding in the kernel that answers as Windows does.
    pub(super) on_windows: Option<Finding>,
    /// `true` if that is a symptom in the catalogue, or none where there must be none.
    pub(super) expected_on_windows: bool,
    /// Why it is no defect there, and nothing must be found.
    pub(super) no_defect_on_windows: Option<String>,
    /// The finding without the trigger, which must not exist.
    pub(super) untriggered: Option<Finding>,
    /// What cut cycles of any of these runs short.
    pub(super) unsupported: Option<Unsupported>,
    /// The number of clean schedules of the corrected twin, and the finding in it.
    pub(super) twin_schedules: u64,
    pub(super) false_alarm: Option<Finding>,
}

impl Row {
    pub(super) fn heading() -> String {
        columns("module", "after", "finding", "defect (sources)")
    }

    /// The deviations from the catalogue.
    pub(super) fn deviations(&self) -> Vec<String> {
        let name = &self.name;
        let mut deviations = Vec::new();
        match (&self.finding, &self.replay) {
            (None, _) => deviations.push(format!("{name}: not found")),
            (Some(finding), _) if !self.expected => {
                deviations.push(format!("{name}: found with another symptom: {finding}"));
            }
            (Some(_), Some(line)) if !self.replays => {
                deviations.push(format!("{name}: {line} does not reproduce it"));
            }
            (Some(_), _) => {}
        }
        match (&self.on_windows, &self.no_defect_on_windows) {
            (Some(finding), Some(_)) => deviations.push(format!(
                "{name}: found with --kernel windows, where it is no defect: {finding}"
            )),
            (None, None) => {
                deviations.push(format!("{name}: not found with --kernel windows"));
            }
            (Some(finding), None) if !self.expected_on_windows => deviations.push(format!(
                "{name}: found with --kernel windows with another symptom: {finding}"
            )),
            _ => {}
        }
        if let Some(early) = &self.untriggered {
            deviations.push(format!("{name}: found without its trigger: {early}"));
        }
        if let Some(unsupported) = &self.unsupported {
            deviations.push(format!("{name}: {unsupported}"));
        }
        if let Some(alarm) = &self.false_alarm {
            deviations.push(format!(
                "{name}: false alarm in its corrected twin: {alarm}"
            ));
        }
        deviations
    }
}

/// The code and the place of a finding.
fn short(finding: &Finding) -> String {
    match &finding.place {
        Some(place) => format!("{} {place}", finding.code),
        None => format!("{} {}", finding.code, finding.driver),
    }
}

fn columns(name: &str, after: &str, finding: &str, defect: &str) -> String {
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
        let windows = match &self.no_defect_on_windows {
            Some(_) => " (not on Windows)",
            None => "",
        };
        let why = match &*self.why {
            "" => String::new(),
            why => format!(" {why}"),
        };
        let sources = self.sources.join(", ");
        let defect = format!("{} ({sources}){windows}{why}{twin}", self.defect);
        f.write_str(&columns(&self.name, &after, &finding, &defect))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_needs_what_is_not_provided_deviates() {
        let finding = Finding::bare("R29", String::new(), 7, 3);
        let mut row = Row {
            name: "m".to_owned(),
            defect: "K1".to_owned(),
            sources: Vec::new(),
            schedules: Some(4),
            on_windows: Some(finding.clone()),
            expected_on_windows: true,
            no_defect_on_windows: None,
            finding: Some(finding),
            replay: Some(String::new()),
            replays: true,
            expected: true,
            why: String::new(),
            untriggered: None,
            unsupported: None,
            twin_schedules: 10,
            false_alarm: None,
        };
        assert_eq!(row.deviations(), [""; 0]);
        row.unsupported = Some(Unsupported {
            what: "calls NtFoo of ntoskrnl.exe".to_owned(),
            driver: "m.sys".to_owned(),
            instance: 1,
            offset: None,
            place: None,
            cycle: 3,
            seed: 7,
            thread: String::new(),
            stack: Vec::new(),
            count: 1,
        });
        let [deviation] = &row.deviations()[..] else {
            panic!("{:?}", row.deviations());
        };
        assert!(
            deviation.starts_with("m: UNSUPPORTED: m.sys calls NtFoo"),
            "{deviation}"
        );
    }
}
