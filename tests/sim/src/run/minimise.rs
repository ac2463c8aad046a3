// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reduces a cycle that fails to the shortest one that fails in the same way.
//!
//! The script is reduced part by part: settings to their minimum, rests to none,
//! reloads and whole drivers removed. Then the schedule is written out and its
//! switches are removed one by one. A changed script needs another schedule, so each
//! cut is tried under the schedules of some other cycles, too, which are written out; a
//! cut that still fails with fewer events is kept, until no cut helps. Random faults are
//! left out if the cycle fails without any.
//!
//! # Limits
//!
//! A search, not a proof: a shorter trace may exist under a schedule that was not
//! tried. The search ends when its budget of simulated steps is spent, so that its
//! result depends on its arguments alone; a trial that takes twice as many steps as
//! the best is abandoned.

use std::iter;

use scenarios::{Change, Cycle, Finding, Instance, Script, Unsupported, Verdict};

use crate::run::machine::{Machine, Outcome};
use crate::run::options::Tracing;
use crate::scheduling::schedule::Schedule;
use crate::verifier::faults::Faults;

/// The numbers of schedules that are tried for each cut, and at the end.
const SCHEDULES: u64 = 40;
const LAST_SCHEDULES: u64 = 400;
/// The maximum number of steps of all trials, which take about ten seconds.
const BUDGET: u64 = 12_000_000;
/// The budget, in steps, before the schedule is reduced.
const FOR_CUTS: u64 = BUDGET / 2;
/// The cost of a trial's start, in steps.
const SETUP: u64 = 1000;

/// How the cycle fails.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What it does.
    pub script: Script,
    /// How many events its trace has.
    pub events: u64,
    /// The schedule, if it is not the drawn one.
    pub plan: Option<Schedule>,
    /// The number of decisions in which its schedule is not the default one.
    pub switches: usize,
    /// The injected faults.
    pub faults: Vec<String>,
    /// The finding.
    pub finding: Finding,
    steps: u64,
}

impl Failure {
    /// Of two traces of the same length, that of the simpler script is better.
    fn cost(&self) -> (u64, usize) {
        (self.events, self.script.to_string().len())
    }
}

/// The cycle before and after minimising.
#[derive(Clone, Debug)]
pub struct Minimised {
    /// As it was.
    pub before: Failure,
    /// The shortest that was met.
    pub after: Failure,
    /// `true` if it fails without the faults that were asked for.
    pub without_faults: bool,
}

/// The source of a trial's schedule.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    /// That which is drawn for a cycle with this number.
    Drawn(u64),
    /// A written one.
    Written(&'a Schedule),
}

/// A cycle that cannot be minimised.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CannotMinimise {
    /// It is cut short by something that the simulated kernel does not provide.
    #[error("{0}: only a finding can be minimised")]
    Unsupported(Box<Unsupported>),
    /// It cannot keep to its schedule.
    #[error("{0}")]
    Unfollowed(String),
}

/// How far a search is.
#[derive(Clone, Copy, Debug)]
pub struct Searched {
    /// The steps that were spent.
    pub spent: u64,
    /// Those there are.
    pub budget: u64,
    /// The events of the shortest trace so far.
    pub events: u64,
}

/// Looks for the shortest cycle that fails as this one does under its
/// schedule, and `tell`s how far it is. The search ends early, with
/// the shortest cycle so far, if `tell` returns `false`. Returns `None` if this one does not
/// fail.
///
/// # Errors
///
/// The cycle is cut short by something that the simulated kernel does not provide, or
/// cannot keep to the schedule.
pub fn minimise(
    machine: &mut Machine,
    seed: u64,
    first: u64,
    script: Script,
    plan: Option<Schedule>,
    tell: &mut dyn FnMut(Searched) -> bool,
) -> Result<Option<Minimised>, CannotMinimise> {
    let source = plan.as_ref().map_or(Source::Drawn(first), Source::Written);
    let outcome = trial(machine, seed, first, &script, source);
    if let Some(where_not) = outcome.unfollowed {
        return Err(CannotMinimise::Unfollowed(where_not));
    }
    let finding = match outcome.verdict {
        None => return Ok(None),
        Some(Verdict::Unsupported(unsupported)) => {
            return Err(CannotMinimise::Unsupported(Box::new(unsupported)));
        }
        Some(Verdict::Finding(finding)) => finding,
    };
    let before = Failure {
        script,
        events: outcome.events,
        plan,
        switches: outcome.plan.len(),
        faults: outcome.faults,
        finding,
        steps: outcome.steps,
    };
    let mut search = Search {
        machine,
        seed,
        cycle: first,
        best: before.clone(),
        spent: 0,
        tell,
    };
    let without_faults = search.leave_out_faults();
    while search.spent < FOR_CUTS && search.cut_once() {}
    let script = search.best.script.clone();
    search.try_schedules(&script, LAST_SCHEDULES);
    search.thin_out();
    search.machine.set_patience(None);
    Ok(Some(Minimised {
        before,
        after: search.best,
        without_faults,
    }))
}

/// Runs the cycle under a schedule.
fn trial(
    machine: &mut Machine,
    seed: u64,
    index: u64,
    script: &Script,
    source: Source<'_>,
) -> Outcome {
    let cycle = Cycle::draw(seed, index, None).with_script(script.clone());
    match source {
        Source::Drawn(other) => machine.draw_schedule_of(Some(other)),
        Source::Written(plan) => machine.set_schedule(Some(plan.clone())),
    }
    let outcome = machine.run(seed, &cycle, index, Tracing::Off);
    machine.draw_schedule_of(None);
    machine.set_schedule(None);
    outcome
}

struct Search<'a> {
    machine: &'a mut Machine,
    seed: u64,
    cycle: u64,
    best: Failure,
    spent: u64,
    tell: &'a mut dyn FnMut(Searched) -> bool,
}

impl Search<'_> {
    /// Leaves out random faults if the cycle fails without them under some schedule.
    /// Returns `true` if it does.
    fn leave_out_faults(&mut self) -> bool {
        if self.machine.options().faults != Faults::Random {
            return false;
        }
        self.machine.set_faults(Faults::None);
        let script = self.best.script.clone();
        let plan = self.best.plan.clone();
        let planned = plan.iter().map(Source::Written);
        let drawn = iter::once(self.cycle).chain(0..SCHEDULES);
        let mut sources = planned.chain(drawn.map(Source::Drawn));
        let failure = sources.find_map(|source| {
            let goes_on = self.spent < FOR_CUTS;
            goes_on.then(|| self.fails_again(&script, source)).flatten()
        });
        let fails = failure.is_some();
        match failure {
            Some(failure) => self.best = failure,
            None => self.machine.set_faults(Faults::Random),
        }
        fails
    }

    /// Keeps the first cut that helps. Returns `true` if there was one.
    fn cut_once(&mut self) -> bool {
        cuts(&self.best.script)
            .iter()
            .any(|script| self.try_schedules(script, SCHEDULES))
    }

    /// Leaves out every decision of the schedule that the failure can do
    /// without: halves of them first, single ones last.
    fn thin_out(&mut self) {
        let best = self.best.clone();
        let taken = || {
            let drawn = Source::Drawn(self.cycle);
            trial(self.machine, self.seed, self.cycle, &best.script, drawn).plan
        };
        let mut plan = best.plan.clone().unwrap_or_else(taken);
        if !self.try_plan(&plan) {
            return;
        }
        plan = self.best.plan.clone().unwrap_or(plan);
        let mut size = plan.len().max(1);
        while size > 0 {
            let before = plan.len();
            let mut start = 0;
            while start < plan.len() {
                if self.spent >= BUDGET {
                    return;
                }
                let less = plan.without(start..start + size);
                if self.try_plan(&less) {
                    plan = self.best.plan.clone().unwrap_or(less);
                } else {
                    start += size;
                }
            }
            // One that could not go before may, now that others have gone.
            if size > 1 || plan.len() == before {
                size /= 2;
            }
        }
    }

    /// Returns `true` if the best cycle fails in the same way and no later
    /// under this schedule, which is kept then.
    fn try_plan(&mut self, plan: &Schedule) -> bool {
        let best = self.best.clone();
        let failed = self
            .fails(&best.script, Source::Written(plan))
            .filter(|failure| failure.events <= best.events);
        let same = failed.is_some();
        self.best = failed.unwrap_or(best);
        same
    }

    /// Returns `true` if `script` fails in the same way and sooner under some
    /// schedule.
    fn try_schedules(&mut self, script: &Script, schedules: u64) -> bool {
        let before = self.best.cost();
        let plan = self.best.plan.clone();
        let planned = plan.iter().map(Source::Written);
        let drawn = iter::once(self.cycle).chain(0..schedules);
        for source in planned.chain(drawn.map(Source::Drawn)) {
            if self.spent >= FOR_CUTS {
                break;
            }
            let shorter = self
                .fails(script, source)
                .filter(|it| it.cost() < self.best.cost())
                .and_then(|failure| self.written_out(failure, source))
                .filter(|it| it.cost() < self.best.cost());
            if let Some(failure) = shorter {
                self.best = failure;
            }
        }
        self.best.cost() < before
    }

    /// A failure that can be run again in this cycle, if the trial is one.
    fn fails_again(&mut self, script: &Script, source: Source<'_>) -> Option<Failure> {
        let failure = self.fails(script, source)?;
        self.written_out(failure, source)
    }

    /// The failure under its schedule in writing, if the schedule is that of another
    /// cycle.
    fn written_out(&mut self, failure: Failure, source: Source<'_>) -> Option<Failure> {
        match (source, &failure.plan) {
            (Source::Drawn(other), Some(plan)) if other != self.cycle => {
                self.fails(&failure.script, Source::Written(plan))
            }
            (Source::Drawn(_), _) => Some(Failure {
                plan: None,
                ..failure
            }),
            (Source::Written(_), _) => Some(failure),
        }
    }

    /// How a trial fails, if it does and in the same way.
    fn fails(&mut self, script: &Script, source: Source<'_>) -> Option<Failure> {
        self.machine.set_patience(Some(2 * self.best.steps));
        let outcome = trial(self.machine, self.seed, self.cycle, script, source);
        self.spent += SETUP + outcome.steps;
        let goes_on = (self.tell)(Searched {
            spent: self.spent.min(BUDGET),
            budget: BUDGET,
            events: self.best.events,
        });
        if !goes_on {
            self.spent = BUDGET;
        }
        let found = outcome.verdict.and_then(Verdict::finding);
        let finding = found.filter(|finding| finding.is_same_as(&self.best.finding))?;
        let switches = outcome.plan.len();
        Some(Failure {
            script: script.clone(),
            events: outcome.events,
            // Without the decisions that could not be kept to.
            plan: Some(outcome.plan),
            switches,
            faults: outcome.faults,
            finding,
            steps: outcome.steps,
        })
    }
}

/// All scripts that do one thing less.
fn cuts(script: &Script) -> Vec<Script> {
    let mut cuts = Vec::new();
    let mut cut = |change: &dyn Fn(&mut Script)| {
        let mut less = script.clone();
        change(&mut less);
        less.steps.retain(|step| !step.is_idle());
        if less != *script && less.is_sound() {
            cuts.push(less);
        }
    };
    for instance in script.instances() {
        cut(&|script| {
            for step in &mut script.steps {
                step.actions.retain(|action| action.instance != instance);
                step.uses.retain(|one| one.instance != instance);
            }
        });
        cut(&|script| without_reload(script, instance));
        for visit in 0..script.steps.len() {
            cut(&|script| without_visit(script, instance, visit));
        }
    }
    cut(&|script| {
        script
            .settings
            .iter_mut()
            .for_each(|setting| setting.value = 1);
    });
    for index in 0..script.steps.len() {
        cut(&|script| script.steps[index].rest = 0);
        cut(&|script| script.steps[index].rest /= 2);
        cut(&|script| script.steps[index].uses.clear());
        cut(&|script| {
            let actions = &mut script.steps[index].actions;
            actions.retain(|action| action.change != Change::Reload);
        });
        cut(&|script| {
            for action in &mut script.steps[index].actions {
                action.at = None;
                action.fails = None;
            }
        });
    }
    cuts
}

/// Leaves out one time that a driver comes and goes again.
fn without_visit(script: &mut Script, instance: Instance, visit: usize) {
    let mut loads = 0;
    for step in &mut script.steps {
        step.actions.retain(|action| {
            let own = action.instance == instance;
            loads += usize::from(own && action.change == Change::Load);
            !own || loads != visit + 1
        });
    }
}

/// Lets the driver that comes twice come once.
fn without_reload(script: &mut Script, instance: Instance) {
    let mut gone = false;
    let mut again = false;
    for step in &mut script.steps {
        step.actions.retain(|action| match action.change {
            _ if action.instance != instance => true,
            Change::Unload if !gone => {
                gone = true;
                false
            }
            Change::Load if gone && !again => {
                again = true;
                false
            }
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_cut_down_to_each_visit() {
        let script: Script = "+p.+c/3.^c.-c_c.+c~7.-p-c".parse().expect("a script");
        let cuts: Vec<_> = cuts(&script).iter().map(ToString::to_string).collect();
        for cut in [
            "+c/3.^c.-c_c.+c~7.-c",
            "+p.-p",
            "+p.^c._c.+c~7.-p-c",
            "+p.+c/3.^c.-c_c.-p",
            "+p.+c/3.^c._c.-p-c",
            "+p.+c/3.-c_c.+c~7.-p-c",
            "+p.+c.^c.-c_c.+c~7.-p-c",
            "+p.+c/3.^c.-c_c.+c.-p-c",
        ] {
            assert!(cuts.iter().any(|it| it == cut), "{cut}: {cuts:#?}");
        }
    }

    #[test]
    fn a_restart_is_cut_out_and_a_shutdown_stays() {
        let script = "+p+c.-+c=c/delete~8.shutdown~6";
        let script: Script = script.parse().expect("a script");
        let cuts: Vec<_> = cuts(&script).iter().map(ToString::to_string).collect();
        for cut in [
            "+p.shutdown~6",
            "+p+c.=c/delete~8.shutdown~6",
            "+p+c.-+c~8.shutdown~6",
            "+p+c.-+c=c/delete~8.shutdown",
        ] {
            assert!(cuts.iter().any(|it| it == cut), "{cut}: {cuts:#?}");
        }
    }
}
