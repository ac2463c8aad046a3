// SPDX-License-Identifier: MIT OR Apache-2.0

//! The services of the pair and of its companions, and the steps of a cycle.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use scenarios::{Action, Counts, Cycle, Role, Step};

use crate::arguments::{Arguments, Mechanism};
use crate::loader::{Change, Refusal, change};
use crate::service::{Manager, Service};
use crate::settings;

/// All services, made for this run.
#[derive(Debug)]
pub(crate) struct Pair {
    provider: Service,
    client: Service,
    companions: Vec<Service>,
}

/// A driver that did not come or go.
#[derive(Debug)]
pub(crate) struct Stuck {
    pub(crate) action: Action,
    pub(crate) why: Refusal,
}

impl Pair {
    /// Makes the services, and starts the companions.
    pub(crate) fn create(arguments: &Arguments) -> Result<Self> {
        let manager = Manager::open().context("the service control manager does not answer")?;
        let group = arguments.group.as_deref();
        let create = |name: &str, image| {
            manager
                .create(name, image, group)
                .with_context(|| format!("no service can be made of {}", image.display()))
        };
        let companions: Vec<_> = arguments
            .with
            .iter()
            .map(|companion| create(&companion.name, &companion.file))
            .collect::<Result<_>>()?;
        for service in &companions {
            service
                .start()
                .with_context(|| format!("{} does not start", service.name()))?;
        }
        Ok(Self {
            provider: create(Role::Provider.service(), &arguments.provider)?,
            client: create(Role::Client.service(), &arguments.client)?,
            companions,
        })
    }

    const fn service(&self, role: Role) -> &Service {
        match role {
            Role::Provider => &self.provider,
            Role::Client => &self.client,
        }
    }

    /// Sets the drivers up as the cycle says.
    pub(crate) fn set_up(&self, cycle: &Cycle) -> Result<()> {
        for role in Role::ALL {
            let name = self.service(role).name();
            let settings = cycle.settings.iter().filter(|setting| setting.role == role);
            settings::write(name, settings)
                .with_context(|| format!("the settings of {name} cannot be written"))?;
        }
        Ok(())
    }

    /// Takes a step, each of its actions on a thread of its own.
    pub(crate) fn perform(
        &self,
        step: &Step,
        by: Mechanism,
        counts: &mut Counts,
    ) -> Result<(), Stuck> {
        let perform = |action: Action| {
            let (what, role) = match action {
                Action::Load(role) => (Change::Load, role),
                Action::Unload(role) => (Change::Unload, role),
            };
            change(by, what, self.service(role)).map_err(|why| Stuck { action, why })
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
            match action {
                Action::Load(_) => counts.loads += 1,
                Action::Unload(_) => counts.unloads += 1,
            }
        }
        thread::sleep(Duration::from_micros(step.rest));
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
