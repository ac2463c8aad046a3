// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs the steps of a cycle: loads, unloads, and programs that use the drivers.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use scenarios::{Action, Change, Counts, Cycle, Instance, Role, Step, Usage, Use};

use super::{CycleFailure, Driver, Pair};
use crate::arguments::{Kernel, Mechanism};
use crate::loader::{ChangeFailure, Request, change};
use crate::restart;

impl Pair<'_> {
    /// Runs the steps of a cycle; after the last one no driver is loaded.
    pub(crate) fn cycle(
        &mut self,
        cycle: &Cycle,
        by: Mechanism,
        counts: &mut Counts,
    ) -> Result<(), CycleFailure> {
        for step in &cycle.steps {
            if step.shutdown {
                return Err(self.restart(step, counts));
            }
            self.step(step, by, counts)?;
        }
        for instance in mem::take(&mut self.pending_unloads) {
            self.programs.close_all(instance);
            self.wait_for_stop(instance, by)?;
        }
        Ok(())
    }

    /// Restarts the machine, and performs the actions of a step and what undoes them in turn, until
    /// this program ends. Returns the error if it does not: the watchdog reports a hang.
    fn restart(&mut self, step: &Step, counts: &mut Counts) -> CycleFailure {
        if let Err(failure) = self.programs.perform(&step.uses, |_| true, counts) {
            return failure.into();
        }
        if let Err(why) = restart::begin() {
            return CycleFailure::Restart(why);
        }
        let mut step = step.clone();
        let end = Instant::now() + Duration::from_secs(self.arguments.patience);
        while Instant::now() < end {
            // Some are refused once the shutdown has ended what they need.
            drop(run_actions(&self.drivers, &step, Mechanism::Nt));
            step = step.undone();
        }
        CycleFailure::Restart(io::ErrorKind::TimedOut.into())
    }

    /// Runs a step: its programs, and each of its actions on a thread of its own.
    fn step(
        &mut self,
        step: &Step,
        by: Mechanism,
        counts: &mut Counts,
    ) -> Result<(), CycleFailure> {
        self.finish_unloads(step, by)?;
        let all = step.uses.iter().copied();
        let (questions, uses): (Vec<_>, Vec<_>) = all.partition(|one| one.usage == Usage::Ask);
        for one in questions {
            self.request_refused(one.instance, by, counts)?;
        }
        for action in &step.actions {
            // Its load would wait for them.
            if action.change == Change::Reload {
                self.programs.close_all(action.instance);
            }
        }
        let results = match self.arguments.kernel {
            Kernel::Wine => {
                let done = self.programs.perform(&uses, |_| false, counts);
                done.map_err(CycleFailure::from)?;
                for action in unloads(step) {
                    self.programs.close_all(action.instance);
                }
                run_actions(&self.drivers, step, by)
            }
            Kernel::Windows => self.use_and_act(&uses, step, by, counts)?,
        };
        for (&action, (result, counted)) in step.actions.iter().zip(results) {
            counts.add(&counted);
            result.map_err(|why| CycleFailure::Change(action, why))?;
            let loads = u64::from(action.change != Change::Unload);
            let unloads = u64::from(action.change != Change::Load);
            *counts.mechanisms.entry(by.name()).or_default() += loads + unloads;
            counts.loads += loads;
            counts.unloads += unloads;
            if action.instance.role == Role::Provider {
                counts.unloads_provider += unloads;
            }
        }
        for &Action { instance, .. } in unloads(step) {
            if self.programs.has_handles(instance) {
                counts.unloads_deferred += 1;
                self.pending_unloads.insert(instance);
            } else {
                self.wait_for_stop(instance, by)?;
            }
        }
        if step.rest > 0 {
            thread::sleep(Duration::from_micros(step.rest));
        }
        Ok(())
    }

    /// Runs programs during the actions of a step; a driver that is being loaded or unloaded
    /// may refuse their requests.
    fn use_and_act(
        &mut self,
        uses: &[Use],
        step: &Step,
        by: Mechanism,
        counts: &mut Counts,
    ) -> Result<Vec<ActionResult>, CycleFailure> {
        let Self {
            drivers,
            programs,
            pending_unloads,
            ..
        } = self;
        let may_refuse = |instance| {
            let mut changed = step.actions.iter().map(|action| action.instance);
            pending_unloads.contains(&instance) || changed.any(|it| it == instance)
        };
        thread::scope(|scope| {
            let program = scope.spawn(move || programs.perform(uses, may_refuse, counts));
            let results = run_actions(drivers, step, by);
            let done = program.join().expect("it does not panic");
            done.map_err(CycleFailure::from).map(|()| results)
        })
    }

    /// Closes the handles of drivers that this step changes, and waits for deferred unloads
    /// without open handles.
    fn finish_unloads(&mut self, step: &Step, by: Mechanism) -> Result<(), CycleFailure> {
        for action in &step.actions {
            if self.pending_unloads.contains(&action.instance) {
                self.programs.close_all(action.instance);
            }
        }
        let programs = &self.programs;
        let free = self
            .pending_unloads
            .extract_if(.., |it| !programs.has_handles(*it));
        for instance in free.collect::<Vec<_>>() {
            self.wait_for_stop(instance, by)?;
        }
        Ok(())
    }

    /// Waits until the service control manager reports that a driver has stopped. Other
    /// mechanisms wait by themselves, or their next load is refused temporarily.
    fn wait_for_stop(&self, instance: Instance, by: Mechanism) -> Result<(), CycleFailure> {
        /// Interval of polling.
        const PERIOD: Duration = Duration::from_millis(1);
        if by != Mechanism::Scm {
            return Ok(());
        }
        let service = &self.drivers[&instance].service;
        loop {
            match service.has_stopped() {
                Ok(true) => return Ok(()),
                Ok(false) => thread::sleep(PERIOD),
                Err(why) => return Err(CycleFailure::Service(instance, why)),
            }
        }
    }

    /// Requests from the service control manager what it must refuse. Skipped for drivers
    /// that it has not loaded: their state is not documented.
    fn request_refused(
        &self,
        instance: Instance,
        by: Mechanism,
        counts: &mut Counts,
    ) -> Result<(), CycleFailure> {
        let Some(driver) = self.drivers.get(&instance).filter(|_| by == Mechanism::Scm) else {
            return Ok(());
        };
        let refused = driver.service.request_refused();
        for refusal in refused.map_err(|why| CycleFailure::Service(instance, why))? {
            counts.refuse(refusal);
        }
        Ok(())
    }
}

/// The result of an action, and the counts of its thread.
type ActionResult = (Result<(), ChangeFailure>, Counts);

/// Runs each action of a step on a thread of its own.
fn run_actions(
    drivers: &BTreeMap<Instance, Driver>,
    step: &Step,
    by: Mechanism,
) -> Vec<ActionResult> {
    let run = |action: Action| {
        let mut counts = Counts::default();
        let service = &drivers[&action.instance].service;
        let result = match action.change {
            Change::Load => change(by, Request::Load, service, &mut counts),
            Change::Unload => change(by, Request::Unload, service, &mut counts),
            Change::Reload => change(by, Request::Unload, service, &mut counts)
                .and_then(|()| change(by, Request::Load, service, &mut counts)),
        };
        (result, counts)
    };
    if let [action] = step.actions[..] {
        return vec![run(action)];
    }
    thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = step
            .actions
            .iter()
            .map(|&action| scope.spawn(move || run(action)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"))
            .collect()
    })
}

fn unloads(step: &Step) -> impl Iterator<Item = &Action> {
    let actions = step.actions.iter();
    actions.filter(|action| action.change == Change::Unload)
}
