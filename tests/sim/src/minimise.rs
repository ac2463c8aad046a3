// SPDX-License-Identifier: MIT OR Apache-2.0

//! From a cycle that fails to the shortest one that fails in the same way.
//!
//! What a cycle does is cut down part by part: settings to their least, time
//! to none, reloads and whole drivers away. At last the schedule is written down
//! and its switches are left out one by one. Another course needs another
//! schedule, so each cut is tried under the schedules of some other cycles too;
//! what still fails with fewer events is kept, until no cut helps.
//!
//! # Limits
//!
//! A search, not a proof: a shorter trace may exist under a schedule that was
//! not tried. The result depends on its arguments alone.

use scenarios::{Change, Cycle, Finding, Instance, Script};

use crate::machine::Machine;
use crate::plan::Plan;

/// So many schedules are tried for each cut, and at the end.
const SCHEDULES: u64 = 40;
const LAST_SCHEDULES: u64 = 400;
/// So many times a schedule is thinned out.
const MOST_PLANS: u32 = 1500;

/// A cycle that fails.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Whose schedule it is.
    pub cycle: u64,
    /// What it does.
    pub script: Script,
    /// How many events its trace has.
    pub events: u64,
    /// Its schedule, where it is not the one that is drawn.
    pub plan: Option<Plan>,
}

impl Failure {
    /// Of two traces of the same length, that of the simpler script is better.
    fn cost(&self) -> (u64, usize) {
        (self.events, self.script.to_string().len())
    }
}

/// Where it starts and what it comes to.
#[derive(Clone, Debug)]
pub struct Minimised {
    /// The finding that was kept.
    pub finding: Finding,
    /// As it was.
    pub before: Failure,
    /// The shortest that was met.
    pub after: Failure,
}

/// Looks for the shortest cycle that fails as this one does; none if this one
/// does not fail.
pub fn minimise(machine: &mut Machine, seed: u64, first: u64, script: Script) -> Option<Minimised> {
    let (finding, events) = fails(machine, seed, first, &script)?;
    let before = Failure {
        cycle: first,
        script,
        events,
        plan: None,
    };
    let mut search = Search {
        machine,
        seed,
        finding,
        best: before.clone(),
    };
    while search.cut_once() {}
    let script = search.best.script.clone();
    search.try_schedules(&script, LAST_SCHEDULES);
    search.thin_out();
    Some(Minimised {
        finding: search.finding,
        before,
        after: search.best,
    })
}

/// How a cycle fails, and after how many events.
fn fails(machine: &mut Machine, seed: u64, index: u64, script: &Script) -> Option<(Finding, u64)> {
    let cycle = Cycle::draw(seed, index, None).with_script(script.clone());
    let outcome = machine.run(seed, &cycle, index, false);
    Some((outcome.finding?, outcome.events))
}

/// The schedule of a cycle.
fn taken(machine: &mut Machine, seed: u64, index: u64, script: &Script) -> Plan {
    let cycle = Cycle::draw(seed, index, None).with_script(script.clone());
    machine.run(seed, &cycle, index, false).plan
}

struct Search<'a> {
    machine: &'a mut Machine,
    seed: u64,
    finding: Finding,
    best: Failure,
}

impl Search<'_> {
    /// Keeps the first cut that helps; whether there was one.
    fn cut_once(&mut self) -> bool {
        cuts(&self.best.script)
            .iter()
            .any(|script| self.try_schedules(script, SCHEDULES))
    }

    /// Leaves out every decision of the schedule that the failure can do
    /// without: halves of them first, single ones last.
    fn thin_out(&mut self) {
        let best = self.best.clone();
        let mut plan = taken(self.machine, self.seed, best.cycle, &best.script);
        if !self.try_plan(&plan) {
            return;
        }
        let mut size = plan.len().max(1);
        let mut tries = 0;
        while size > 0 {
            let before = plan.len();
            let mut start = 0;
            while start < plan.len() {
                tries += 1;
                if tries > MOST_PLANS {
                    return;
                }
                let less = plan.without(start..start + size);
                if self.try_plan(&less) {
                    plan = less;
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

    /// Whether the best cycle fails in the same way under this schedule, which is
    /// kept then.
    fn try_plan(&mut self, plan: &Plan) -> bool {
        let best = &mut self.best;
        self.machine.set_plan(Some(plan.clone()));
        let failed = fails(self.machine, self.seed, best.cycle, &best.script);
        self.machine.set_plan(None);
        let same = failed.filter(|(finding, _)| finding.is_same_as(&self.finding));
        if let Some((_, events)) = &same {
            best.events = *events;
            best.plan = Some(plan.clone());
        }
        same.is_some()
    }

    /// Whether `script` fails in the same way and sooner under some schedule.
    fn try_schedules(&mut self, script: &Script, schedules: u64) -> bool {
        let own = self.best.cycle;
        let before = self.best.cost();
        for cycle in std::iter::once(own).chain(0..schedules) {
            let Some((finding, events)) = fails(self.machine, self.seed, cycle, script) else {
                continue;
            };
            let failure = Failure {
                cycle,
                script: script.clone(),
                events,
                plan: None,
            };
            if failure.cost() < self.best.cost() && finding.is_same_as(&self.finding) {
                self.best = failure;
            }
        }
        self.best.cost() < before
    }
}

/// All scripts that do one thing less.
fn cuts(script: &Script) -> Vec<Script> {
    let mut cuts = Vec::new();
    let mut cut = |change: &dyn Fn(&mut Script)| {
        let mut less = script.clone();
        change(&mut less);
        less.steps.retain(|step| !step.actions.is_empty());
        if less != *script && less.is_sound() {
            cuts.push(less);
        }
    };
    for instance in script.instances() {
        cut(&|script| {
            for step in &mut script.steps {
                step.actions.retain(|action| action.instance != instance);
            }
        });
        cut(&|script| without_reload(script, instance));
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
        cut(&|script| {
            for action in &mut script.steps[index].actions {
                action.at = None;
            }
        });
    }
    cuts
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
