// SPDX-License-Identifier: MIT OR Apache-2.0

//! The steps of a cycle: drivers come and go, programs use them.

use std::collections::BTreeMap;
use std::mem;
use std::thread;
use std::time::Duration;

use scenarios::{Action, Change, Counts, Cycle, Instance, Role, Step, Usage, Use};

use super::{Driver, Pair, Stuck};
use crate::arguments::{Kernel, Mechanism};
use crate::loader::{Failure, change};

impl Pair<'_> {
    /// Takes the steps of a cycle; after the last no driver is left.
    pub(crate) fn cycle(
        &mut self,
        cycle: &Cycle,
        by: Mechanism,
        counts: &mut Counts,
    ) -> Result<(), Stuck> {
        for step in &cycle.steps {
            self.step(step, by, counts)?;
        }
        for instance in mem::take(&mut self.leaving) {
            self.programs.close_all(instance);
            self.wait_for_stop(instance, by)?;
        }
        Ok(())
    }

    /// Takes a step: what programs do, and each of its actions on a thread of its
    /// own.
    fn step(&mut self, step: &Step, by: Mechanism, counts: &mut Counts) -> Result<(), Stuck> {
        self.settle(step, by)?;
        let all = step.uses.iter().copied();
        let (questions, uses): (Vec<_>, Vec<_>) = all.partition(|one| one.usage == Usage::Ask);
        for one in questions {
            self.ask(one.instance, by, counts)?;
        }
        let results = match self.arguments.kernel {
            Kernel::Wine => {
                let done = self.programs.perform(&uses, |_| false, counts);
                done.map_err(Stuck::from)?;
                for action in unloads(step) {
                    self.programs.close_all(action.instance);
                }
                act(&self.drivers, step, by)
            }
            Kernel::Windows => self.use_and_act(&uses, step, by, counts)?,
        };
        for (&action, (result, counted)) in step.actions.iter().zip(results) {
            counts.add(&counted);
            result.map_err(|why| Stuck::Change(action, why))?;
            *counts.mechanisms.entry(by.name()).or_default() += 1;
            match action.change {
                Change::Load => counts.loads += 1,
                Change::Unload => {
                    counts.unloads += 1;
                    let provider = action.instance.role == Role::Provider;
                    counts.unloads_provider += u64::from(provider);
                }
            }
        }
        for &Action { instance, .. } in unloads(step) {
            if self.programs.keep(instance) {
                counts.unloads_deferred += 1;
                self.leaving.insert(instance);
            } else {
                self.wait_for_stop(instance, by)?;
            }
        }
        if step.rest > 0 {
            thread::sleep(Duration::from_micros(step.rest));
        }
        Ok(())
    }

    /// Programs use drivers while these come and go; one that does may refuse.
    fn use_and_act(
        &mut self,
        uses: &[Use],
        step: &Step,
        by: Mechanism,
        counts: &mut Counts,
    ) -> Result<Vec<Acted>, Stuck> {
        let Self {
            drivers,
            programs,
            leaving,
            ..
        } = self;
        let may_refuse = |instance| {
            let mut changed = step.actions.iter().map(|action| action.instance);
            leaving.contains(&instance) || changed.any(|it| it == instance)
        };
        thread::scope(|scope| {
            let program = scope.spawn(move || programs.perform(uses, may_refuse, counts));
            let results = act(drivers, step, by);
            let done = program.join().expect("it does not panic");
            done.map_err(Stuck::from).map(|()| results)
        })
    }

    /// Waits for what is to go and is not kept; what this step changes is kept no
    /// longer.
    fn settle(&mut self, step: &Step, by: Mechanism) -> Result<(), Stuck> {
        for action in &step.actions {
            if self.leaving.contains(&action.instance) {
                self.programs.close_all(action.instance);
            }
        }
        let programs = &self.programs;
        let free = self.leaving.extract_if(.., |it| !programs.keep(*it));
        for instance in free.collect::<Vec<_>>() {
            self.wait_for_stop(instance, by)?;
        }
        Ok(())
    }

    /// Waits until the service control manager says that a driver has gone which it
    /// was to stop. Who stops it otherwise has waited, or finds it there when it is
    /// to come again.
    fn wait_for_stop(&self, instance: Instance, by: Mechanism) -> Result<(), Stuck> {
        /// How often that is looked at.
        const PERIOD: Duration = Duration::from_millis(1);
        if by != Mechanism::Scm {
            return Ok(());
        }
        let service = &self.drivers[&instance].service;
        loop {
            match service.has_stopped() {
                Ok(true) => return Ok(()),
                Ok(false) => thread::sleep(PERIOD),
                Err(why) => return Err(Stuck::Service(instance, why)),
            }
        }
    }

    /// Asks the service control manager for what it refuses; what it knows of a
    /// driver that came without it no document says.
    fn ask(&self, instance: Instance, by: Mechanism, counts: &mut Counts) -> Result<(), Stuck> {
        let Some(driver) = self.drivers.get(&instance).filter(|_| by == Mechanism::Scm) else {
            return Ok(());
        };
        let refused = driver.service.ask();
        for refusal in refused.map_err(|why| Stuck::Service(instance, why))? {
            counts.refuse(refusal);
        }
        Ok(())
    }
}

/// What became of an action, and what was counted meanwhile.
type Acted = (Result<(), Failure>, Counts);

/// Takes each action of a step on a thread of its own.
fn act(drivers: &BTreeMap<Instance, Driver>, step: &Step, by: Mechanism) -> Vec<Acted> {
    let act = |action: Action| {
        let mut counts = Counts::default();
        let service = &drivers[&action.instance].service;
        let result = change(by, action.change, service, &mut counts);
        (result, counts)
    };
    if let [action] = step.actions[..] {
        return vec![act(action)];
    }
    thread::scope(|scope| {
        let act = &act;
        let threads: Vec<_> = step
            .actions
            .iter()
            .map(|&action| scope.spawn(move || act(action)))
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
