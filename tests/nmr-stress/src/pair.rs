// SPDX-License-Identifier: MIT OR Apache-2.0

//! The services of the pair and of the other drivers of a run.

mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{self, Path, PathBuf};

use anyhow::{Context, Result};
use scenarios::{Action, Cycle, Instance, Role, Use};

use crate::arguments::Arguments;
use crate::loader::ChangeFailure;
use crate::program::Programs;
use crate::service::{Manager, Service};
use crate::settings::Settings;

/// All services of a run.
#[derive(Debug)]
pub(crate) struct Pair<'a> {
    arguments: &'a Arguments,
    manager: Manager,
    drivers: BTreeMap<Instance, Driver>,
    companions: Vec<Service>,
    programs: Programs,
    /// Drivers whose unload is deferred by open handles.
    pending_unloads: BTreeSet<Instance>,
}

/// A driver of the pair.
#[derive(Debug)]
struct Driver {
    service: Service,
    settings: Settings,
}

/// A failure of a cycle.
#[derive(Debug)]
pub(crate) enum CycleFailure {
    /// A load or unload failed.
    Change(Action, ChangeFailure),
    /// A driver refused a request.
    Use(Use, io::Error),
    /// The machine does not restart.
    Restart(io::Error),
    /// A service is in an unexpected state.
    Service(Instance, io::Error),
}

impl From<(Use, io::Error)> for CycleFailure {
    fn from((one, why): (Use, io::Error)) -> Self {
        Self::Use(one, why)
    }
}

impl<'a> Pair<'a> {
    /// Makes and starts the services of the other drivers.
    pub(crate) fn create(arguments: &'a Arguments) -> Result<Self> {
        let mut pair = Self {
            arguments,
            manager: Manager::open().context("the service control manager cannot be opened")?,
            drivers: BTreeMap::new(),
            companions: Vec::new(),
            programs: Programs::default(),
            pending_unloads: BTreeSet::new(),
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
            .with_context(|| format!("{} cannot be made a service", image.display()))
    }

    /// Makes the services of new instances, and writes the settings of the cycle.
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

    /// The image of an instance: each has a file of its own, because the kernel maps a file
    /// once.
    fn image(&self, instance: Instance) -> Result<PathBuf> {
        let image = match instance.role {
            Role::Provider => &self.arguments.provider,
            Role::Client => &self.arguments.client,
        };
        // A relative path would be relative to the system's directory.
        let image = path::absolute(image)
            .with_context(|| format!("{} cannot be found", image.display()))?;
        if instance.number == 1 {
            return Ok(image);
        }
        let copy = image.with_file_name(format!("{instance}.sys"));
        fs::copy(&image, &copy).with_context(|| format!("{} cannot be copied", image.display()))?;
        Ok(copy)
    }

    /// Stops the other drivers.
    pub(crate) fn finish(&self) -> Result<()> {
        for service in self.companions.iter().rev() {
            service
                .stop()
                .with_context(|| format!("{} does not stop", service.name()))?;
        }
        Ok(())
    }
}
