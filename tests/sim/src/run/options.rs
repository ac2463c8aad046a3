// SPDX-License-Identifier: MIT OR Apache-2.0

//! The options of a run: the images, and how the cycles are run.

use std::rc::Rc;

use registrar::knobs::{KernelChoice, Knobs};
use scenarios::{Ignored, Instance, Instances, RaceSearch, RegistryValue, Role};

use crate::loader::image::Image;
use crate::scheduling::strategy::Strategy;
use crate::verifier::faults::Faults;

/// How the events of a cycle are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracing {
    /// They are not.
    Off,
    /// As text, one line for each event that a reader wants to see.
    Text,
    /// As JSON, one line for each event.
    Events,
}

/// What is measured of each `DriverUnload`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnloadCosts {
    /// Nothing.
    #[default]
    None,
    /// How long it takes in virtual time. No thread is preempted at atomic instructions, so
    /// that time passes at calls only.
    Time,
    /// The driver's instructions as well, of which each takes microseconds of true time.
    Instructions,
}

/// The images that a cycle loads, by the role for which they are loaded.
#[derive(Clone, Debug, Default)]
pub struct Images {
    /// The providers.
    pub providers: Vec<Rc<Image>>,
    /// The clients.
    pub clients: Vec<Rc<Image>>,
}

impl Images {
    /// The number of images of each role.
    ///
    /// # Errors
    ///
    /// There is no image, or there are more of a role than a cycle can load.
    pub fn count(&self) -> Result<Instances, String> {
        let of = |images: &[_]| u8::try_from(images.len()).unwrap_or(u8::MAX);
        let (providers, clients) = (of(&self.providers), of(&self.clients));
        match providers.max(clients) {
            0 => Err("there is no driver to load: name one".to_owned()),
            count if count > Instances::MOST => Err(format!(
                "there are more than {} drivers of a role: leave some out",
                Instances::MOST
            )),
            _ => Ok(Instances { providers, clients }),
        }
    }

    /// Those of a role.
    pub(crate) fn of(&self, role: Role) -> &[Rc<Image>] {
        match role {
            Role::Provider => &self.providers,
            Role::Client => &self.clients,
        }
    }

    /// The image of an instance, and how many instances of this image there are up to
    /// it: each image is loaded once before one is loaded a second time.
    pub(crate) fn image(&self, instance: Instance) -> (&Rc<Image>, u8) {
        let images = self.of(instance.role);
        let place = usize::from(instance.number - 1);
        let copy = u8::try_from(place / images.len() + 1).expect("numbers have a byte");
        (&images[place % images.len()], copy)
    }

    /// Returns `true` if a user calls the driver of an instance by this name: that of
    /// its image, its service or its role.
    #[must_use]
    pub fn is_called(&self, instance: Instance, name: &str) -> bool {
        let file = self.image(instance).0.name();
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let names = [
            stem.to_owned(),
            file.to_owned(),
            instance.to_string(),
            instance.role.service().to_owned(),
        ];
        names.iter().any(|it| it.eq_ignore_ascii_case(name))
    }
}

/// How cycles are run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The scheduling strategy.
    pub strategy: Strategy,
    /// The cycle whose schedule is drawn, if it is not the own one.
    pub schedule_of: Option<u64>,
    /// `true` if threads are preempted inside driver code in every cycle, not only in
    /// some.
    pub preempt: bool,
    /// In which cycles data races are searched for.
    pub races: RaceSearch,
    /// The access that is described when it happens.
    pub described: Option<u64>,
    /// The injected faults.
    pub faults: Faults,
    /// Who answers what the documents leave open.
    pub kernel: KernelChoice,
    /// The answers to open points that are fixed for all cycles.
    pub knobs: Knobs,
    /// Registry values of drivers.
    pub registry: Vec<RegistryValue>,
    /// The findings that are ignored.
    pub ignored: Vec<Ignored>,
    /// `true` if a `DriverEntry` may fail although no call of it did.
    pub may_refuse: bool,
    /// What is measured of each `DriverUnload`.
    pub unloads: UnloadCosts,
    /// `true` if messages for a debugger are not part of the course of a cycle: no thread is
    /// switched while a message is built and printed, and two cycles that differ only in messages
    /// have the same digest. Threads are switched only at calls and atomic instructions.
    pub passes_over_messages: bool,
}
