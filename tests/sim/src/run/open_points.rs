// SPDX-License-Identifier: MIT OR Apache-2.0

//! Determines the open points that a finding rests on: those of which another answer
//! would not show it.
//!
//! The cycle is run again with one knob fixed at a time. If the finding stays, it does
//! not rest on the knob. If it goes away, that may be chance, because another answer
//! leads to another schedule: so the cycle is run under the schedules of other cycles,
//! with either answer, until one answer has shown the finding several times and the
//! other never, or the other has shown it, too.
//!
//! # Limits
//!
//! A finding that few schedules show is not said to rest on anything, nor is a cycle
//! that does not end: it takes long.

use std::collections::{BTreeMap, BTreeSet};

use registrar::knobs::{Kernel, KernelChoice, Knob};
use scenarios::{Cycle, Finding, Verdict};

use crate::run::machine::Machine;
use crate::run::options::Options;

/// The number of schedules that must show the finding with one answer, and would
/// show it with the other if that made no difference.
const SHOWN: u32 = 8;
/// The number of schedules that are tried.
const SCHEDULES: u64 = 100;
/// A trial is given up after this many times the steps of the cycle.
const PATIENCE: u64 = 4;
/// The findings of cycles that do not end.
const ENDLESS: [&str; 2] = ["hang", "livelock"];

/// A cycle with a finding.
#[derive(Clone, Copy, Debug)]
pub struct FailedCycle<'a> {
    /// The seed of the run.
    pub seed: u64,
    /// What the cycle does.
    pub cycle: &'a Cycle,
    /// The number of its schedule.
    pub index: u64,
    /// The number of points at which a thread could be switched.
    pub steps: u64,
    /// Its kernel.
    pub kernel: Kernel,
    /// The open points that came up, with the answers that each had.
    pub answers: &'a BTreeMap<Knob, BTreeSet<u32>>,
}

/// What a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A failure.
    Finding,
    /// Worth telling but no failure.
    Note,
}

/// Adds to a finding the open points that it rests on, and judges it.
pub fn judge(machine: &mut Machine, failed: &FailedCycle<'_>, finding: &mut Finding) -> Weight {
    if ENDLESS.contains(&finding.code.as_str()) {
        return Weight::Finding;
    }
    let options = machine.options().clone();
    let plan = machine.take_schedule();
    machine.set_patience(Some(failed.steps.saturating_mul(PATIENCE)));
    let mut verdict = Weight::Finding;
    for &knob in failed.answers.keys() {
        let mut trials = Trials {
            machine,
            options: &options,
            failed,
            finding,
            knob,
            clean: true,
        };
        let Some((shows, excludes)) = trials.compare() else {
            continue;
        };
        // No document describes the variable, and the driver has not used what is
        // in it as a handle: it has only compared it.
        if knob == Knob::HandleOnFailure && failed.kernel == Kernel::Windows && trials.clean {
            verdict = Weight::Note;
        }
        finding.open_points.push(describe(knob, shows, excludes));
    }
    machine.set_options(options);
    machine.set_schedule(plan);
    machine.set_patience(None);
    verdict
}

/// The open point, and how to exclude it.
fn describe(knob: Knob, shows: u32, excludes: u32) -> String {
    let about = knob.about();
    let open = match about.documents {
        None => "the documents leave it open".to_owned(),
        Some(answer) => format!("the documents answer {answer}"),
    };
    let (windows, kernels) = match about.windows {
        Some(answer) => (
            format!("Windows answers {answer}"),
            "not shown by --kernel windows",
        ),
        None => (
            "what Windows answers is unknown".to_owned(),
            "both kernels show it",
        ),
    };
    format!(
        "{knob}:{shows} ({}; {open}, {windows}): excluded by --knobs {knob}:{excludes}, {kernels}",
        about.question
    )
}

/// The trials of one knob.
struct Trials<'a, 'm> {
    machine: &'m mut Machine,
    options: &'a Options,
    failed: &'a FailedCycle<'a>,
    finding: &'a Finding,
    knob: Knob,
    /// Whether nothing at all was found with answers that do not show the finding.
    clean: bool,
}

impl Trials<'_, '_> {
    /// The answer that shows the finding and one that does not; `None` if the finding
    /// does not rest on the knob, or shows too seldom to tell.
    fn compare(&mut self) -> Option<(u32, u32)> {
        let given = &self.failed.answers[&self.knob];
        let windows = self.knob.about().windows;
        let excluding: Vec<u32> = match windows {
            Some(answer) => vec![answer],
            None => (0..self.knob.answers()).collect(),
        };
        let own = self.failed.index;
        let mut excluding: Vec<u32> = excluding
            .into_iter()
            .filter(|&answer| *given != BTreeSet::from([answer]))
            .collect();
        excluding.retain(|&answer| !self.shows(answer, own));
        let mut shown = BTreeMap::new();
        for schedule in 1..=SCHEDULES {
            if excluding.is_empty() {
                return None;
            }
            let index = own.wrapping_add(schedule);
            excluding.retain(|&answer| !self.shows(answer, index));
            for &answer in given {
                if excluding.contains(&answer) || !self.shows(answer, index) {
                    continue;
                }
                let times = shown.entry(answer).or_insert(0);
                *times += 1;
                if *times == SHOWN {
                    return excluding.first().map(|&other| (answer, other));
                }
            }
        }
        None
    }

    /// Returns `true` if the cycle shows the finding with this answer under this
    /// schedule.
    fn shows(&mut self, answer: u32, index: u64) -> bool {
        let mut options = self.options.clone();
        options.kernel = KernelChoice::One(self.failed.kernel);
        options.knobs.set(self.knob, Some(answer));
        self.machine.set_options(options);
        let FailedCycle { seed, cycle, .. } = *self.failed;
        let outcome = self.machine.run(seed, cycle, index, false);
        let found = match &outcome.verdict {
            Some(Verdict::Finding(finding)) => Some(finding),
            _ => None,
        };
        let same = found.is_some_and(|it| it.is_same_as(self.finding));
        self.clean &= same || outcome.verdict.is_none();
        same
    }
}
