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
//! A finding that few schedules show is not said to rest on anything, nor is one whose
//! trials would take more steps than the budget, which is a second or two: cycles that
//! do not end.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use registrar::knobs::{Kernel, KernelChoice, Knob};
use scenarios::{Cycle, Finding, OpenPoint, Verdict};

use crate::run::machine::Machine;
use crate::run::options::{Options, Tracing};
use crate::scheduling::schedule::Schedule;

/// The number of schedules that must show the finding with one answer, and would
/// show it with the other if that made no difference.
const SHOWN: u32 = 8;
/// The number of schedules that are tried.
const SCHEDULES: u64 = 100;
/// A trial is given up after this many times the steps of the cycle.
const PATIENCE: u64 = 4;
/// The number of steps that all trials of a finding may take together.
const BUDGET: u64 = 1_000_000;
/// The cost of a trial's start, in steps.
const SETUP: u64 = 1000;
/// The finding of a cycle in which a thread takes no steps and all the time.
const HANG: &str = "hang";

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

/// Judges a finding: what a driver does because of the value that a failed
/// `NmrRegister...` left in its variable is worth a note only, if Windows' answer is
/// asked for, which is unknown. Passing the value on is a failure if it fails
/// with every value.
pub fn judge(machine: &mut Machine, failed: &FailedCycle<'_>, finding: &Finding) -> Weight {
    const KNOB: Knob = Knob::HandleOnFailure;
    if failed.kernel != Kernel::Windows || !failed.answers.contains_key(&KNOB) {
        return Weight::Finding;
    }
    let mut trials = Trials::new(machine, failed, finding);
    if (0..KNOB.answers()).any(|answer| trials.run(KNOB, answer, failed.index).is_none()) {
        Weight::Note
    } else {
        Weight::Finding
    }
}

/// The open points on which a finding rests.
pub fn open_points(
    machine: &mut Machine,
    failed: &FailedCycle<'_>,
    finding: &Finding,
) -> Vec<OpenPoint> {
    if finding.code == HANG {
        return Vec::new();
    }
    let mut trials = Trials::new(machine, failed, finding);
    let mut points = Vec::new();
    for &knob in failed.answers.keys() {
        if let Some((shows, excludes)) = trials.compare(knob) {
            points.push(OpenPoint {
                text: describe(knob, shows, excludes),
                shown_by_windows: knob.about().windows.is_none(),
            });
        }
    }
    points
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
            "both kernels can show it",
        ),
    };
    format!(
        "{knob}:{shows} ({}; {open}, {windows}): excluded by --knobs {knob}:{excludes}, {kernels}",
        about.question
    )
}

/// Runs the cycle again with one knob fixed.
struct Trials<'a> {
    machine: &'a mut Machine,
    options: Options,
    plan: Option<Schedule>,
    failed: &'a FailedCycle<'a>,
    finding: &'a Finding,
    /// The number of steps that are left.
    budget: u64,
}

impl<'a> Trials<'a> {
    fn new(machine: &'a mut Machine, failed: &'a FailedCycle<'a>, finding: &'a Finding) -> Self {
        // A schedule is for the cycle with the answers that it had.
        let plan = machine.take_schedule();
        machine.set_patience(Some(failed.steps.saturating_mul(PATIENCE)));
        Self {
            options: machine.options().clone(),
            plan,
            machine,
            failed,
            finding,
            budget: BUDGET,
        }
    }

    /// The answer that shows the finding and one that does not; `None` if the finding
    /// does not rest on the knob, or shows too seldom to tell.
    fn compare(&mut self, knob: Knob) -> Option<(u32, u32)> {
        let given = &self.failed.answers[&knob];
        let own = self.failed.index;
        let mut excluding: Vec<u32> = match knob.about().windows {
            Some(answer) => vec![answer],
            None => (0..knob.answers()).collect(),
        };
        excluding.retain(|&answer| *given != BTreeSet::from([answer]));
        if !self.can_pay(excluding.len()) {
            return None;
        }
        excluding.retain(|&answer| !self.shows(knob, answer, own));
        let mut shown = BTreeMap::new();
        for schedule in 1..=SCHEDULES {
            if excluding.is_empty() || !self.can_pay(excluding.len() + given.len()) {
                return None;
            }
            let index = own.wrapping_add(schedule);
            excluding.retain(|&answer| !self.shows(knob, answer, index));
            for &answer in given {
                if excluding.contains(&answer) || !self.shows(knob, answer, index) {
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

    /// Returns `true` if the budget is enough for some trials.
    const fn can_pay(&self, trials: usize) -> bool {
        let most = SETUP.saturating_add(self.failed.steps.saturating_mul(PATIENCE));
        self.budget >= most.saturating_mul(trials as u64)
    }

    /// Returns `true` if the cycle shows the finding with this answer under this
    /// schedule.
    fn shows(&mut self, knob: Knob, answer: u32, index: u64) -> bool {
        let found = self.run(knob, answer, index);
        found.is_some_and(|found| found.is_same_as(self.finding))
    }

    /// What is found in the cycle with this answer under this schedule.
    fn run(&mut self, knob: Knob, answer: u32, index: u64) -> Option<Finding> {
        let mut options = self.options.clone();
        options.kernel = KernelChoice::One(self.failed.kernel);
        options.knobs.set(knob, Some(answer));
        self.machine.set_options(options);
        let FailedCycle { seed, cycle, .. } = *self.failed;
        let outcome = self.machine.run(seed, cycle, index, Tracing::Off);
        let cost = SETUP.saturating_add(outcome.steps);
        self.budget = self.budget.saturating_sub(cost);
        match outcome.verdict? {
            Verdict::Finding(finding) => Some(finding),
            Verdict::Unsupported(_) => None,
        }
    }
}

/// The machine runs as before.
impl Drop for Trials<'_> {
    fn drop(&mut self) {
        self.machine.set_options(mem::take(&mut self.options));
        self.machine.set_schedule(self.plan.take());
        self.machine.set_patience(None);
    }
}
