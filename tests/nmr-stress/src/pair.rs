// SPDX-License-Identifier: MIT OR Apache-2.0

//! The services of the pair and of its companions, and the steps of a cycle.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use scenarios::{Action, Change, Counts, Cycle, Instance, Role, Step, Usage, Use};

use crate::arguments::{Arguments, Mechanism};
use crate::loader::{Refusal, change};
use crate::program::Programs;
use crate::service::{Manager, Service};
use crate::settings::Settings;

/// All services, made for this run.
#[derive(Debug)]
pub(crate) struct Pair<'a> {
    arguments: &'a Arguments,
    manager: Manager,
    drivers: BTreeMap<Instance, Driver>,
    companions: Vec<Service>,
    programs: Programs,
}

/// A driver of the pair.
#[derive(Debug)]
struct Driver {
    service: Service,
    settings: Settings,
}

/// A driver that did not do what it was to do.
#[derive(Debug)]
pub(crate) enum Stuck {
    /// It did not come or go.
    Change(Action, Refusal),
    /// It refused a request.
    Use(Use, io::Error),
}

impl<'a> Pair<'a> {
    /// Makes the services of the companions, and starts them.
    pub(crate) fn create(arguments: &'a Arguments) -> Result<Self> {
        let mut pair = Self {
            arguments,
            manager: Manager::open().context("the service control manager does not answer")?,
            drivers: BTreeMap::new(),
            companions: Vec::new(),
            programs: Programs::default(),
        };
        for companion in &arguments.with {
            let service = pair.create_service(&companion.name, &companion.file)?;
            service
                .start()
                .with_context(|| format!("{} does not start", service.name()))?;
            pair.companions.push(service);
        }
        Ok(pair)
    }

    fn create_service(&self, name: &str, image: &Path) -> Result<Service> {
        self.manager
            .create(name, image, self.arguments.group.as_deref())
            .with_context(|| format!("no service can be made of {}", image.display()))
    }

    /// Makes the services of the drivers that the cycle has and no cycle before
    /// it, and sets them up as it says.
    pub(crate) fn set_up(&mut self, cycle: &Cycle) -> Result<()> {
        for instance in cycle.instances() {
            let name = instance.to_string();
            if !self.drivers.contains_key(&instance) {
                let service = self.create_service(&name, &self.image(instance)?)?;
                let settings = Settings::none(&name)
                    .with_context(|| format!("the settings of {name} cannot be deleted"))?;
                self.drivers.insert(instance, Driver { service, settings });
            }
            let Some(driver) = self.drivers.get_mut(&instance) else {
                continue;
            };
            let settings = cycle.settings.iter().cloned();
            let wanted = settings.filter(|it| it.role == instance.role).collect();
            driver
                .settings
                .write(wanted)
                .with_context(|| format!("the settings of {name} cannot be written"))?;
        }
        Ok(())
    }

    /// The image of a driver: each has a file of its own, for a file is mapped
    /// once.
    fn image(&self, instance: Instance) -> Result<PathBuf> {
        let image = match instance.role {
            Role::Provider => &self.arguments.provider,
            Role::Client => &self.arguments.client,
        };
        if instance.number == 1 {
            return Ok(image.clone());
        }
        let copy = image.with_file_name(format!("{instance}.sys"));
        fs::copy(image, &copy).with_context(|| format!("{} cannot be copied", image.display()))?;
        Ok(copy)
    }

    /// Takes a step: first what programs do, then each of its actions on a thread
    /// of its own.
    pub(crate) fn perform(
        &mut self,
        step: &Step,
        by: Mechanism,
        counts: &mut Counts,
    ) -> Result<(), Stuck> {
        for &one in &step.uses {
            let used = match one.usage {
                Usage::Ask => self.ask(one.instance, by, counts),
                _ => self.programs.perform(one, counts),
            };
            used.map_err(|why| Stuck::Use(one, why))?;
        }
        for action in &step.actions {
            if action.change == Change::Unload {
                self.programs.close_all(action.instance);
            }
        }
        let perform = |action: Action| {
            let service = &self.drivers[&action.instance].service;
            change(by, action.change, service).map_err(|why| Stuck::Change(action, why))
        };
        let results: Vec<_> = match &step.actions[..] {
            [action] => vec![perform(*action)],
            actions => thread::scope(|scope| {
                let perform = &perform;
                let threads: Vec<_> = actions
                    .iter()
                    .map(|&action| scope.spawn(move || perform(action)))
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().expect("it does not panic"))
                    .collect()
            }),
        };
        for (action, result) in step.actions.iter().zip(results) {
            result?;
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
        if step.rest > 0 {
            thread::sleep(Duration::from_micros(step.rest));
        }
        Ok(())
    }

    /// Asks the service control manager for what it refuses; what it knows of a
    /// driver that came without it no document says.
    fn ask(&self, instance: Instance, by: Mechanism, counts: &mut Counts) -> io::Result<()> {
        if let (Some(driver), Mechanism::Scm) = (self.drivers.get(&instance), by) {
            for refusal in driver.service.ask()? {
                counts.refuse(refusal);
            }
        }
        Ok(())
    }

    /// Stops the companions.
    pub(crate) fn finish(&self) -> Result<()> {
        for service in self.companions.iter().rev() {
            service
                .stop()
                .with_context(|| format!("{} does not stop", service.name()))?;
        }
        Ok(())
    }
}
