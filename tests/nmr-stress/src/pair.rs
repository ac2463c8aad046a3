// SPDX-License-Identifier: MIT OR Apache-2.0

//! The services of the pair and of its companions.

mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{self, Path, PathBuf};

use anyhow::{Context, Result};
use scenarios::{Action, Cycle, Instance, Role, Use};

use crate::arguments::Arguments;
use crate::loader::Failure;
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
    /// Drivers that go when nobody keeps them any more.
    leaving: BTreeSet<Instance>,
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
    Change(Action, Failure),
    /// It refused a request.
    Use(Use, io::Error),
    /// Its service is in another state than it should be.
    Service(Instance, io::Error),
}

impl From<(Use, io::Error)> for Stuck {
    fn from((one, why): (Use, io::Error)) -> Self {
        Self::Use(one, why)
    }
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
            leaving: BTreeSet::new(),
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
        // A relative path would be one of the system's directory.
        let image = path::absolute(image)
            .with_context(|| format!("{} cannot be found", image.display()))?;
        if instance.number == 1 {
            return Ok(image);
        }
        let copy = image.with_file_name(format!("{instance}.sys"));
        fs::copy(&image, &copy).with_context(|| format!("{} cannot be copied", image.display()))?;
        Ok(copy)
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
