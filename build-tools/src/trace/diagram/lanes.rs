// SPDX-License-Identifier: MIT OR Apache-2.0

//! The lanes of a diagram, and the driver at each end of a binding.

use std::collections::BTreeMap;

use scenarios::{NmrMoment, Role, TraceEvent, TraceKind};

/// A lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// A driver, by its image.
    Driver(String),
    Nmr,
    Kernel,
}

/// The lanes, in order.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// The service and the image of each driver, the providers first.
    drivers: Vec<(String, String)>,
    /// The drivers at the ends of bindings.
    ends: BTreeMap<(u64, Role), String>,
}

impl Lanes {
    pub(super) fn of(events: &[TraceEvent]) -> Self {
        let mut lanes = Self::default();
        for event in events {
            match &event.kind {
                TraceKind::Mapped { service, image, .. }
                    if !lanes.drivers.iter().any(|(_, it)| it == image) =>
                {
                    lanes.drivers.push((service.clone(), image.clone()));
                }
                TraceKind::Nmr(NmrMoment {
                    call,
                    side,
                    binding: Some(binding),
                    place: Some(place),
                    ..
                }) if call.is_callback() => {
                    lanes.ends.insert((*binding, *side), place.driver.clone());
                }
                _ => {}
            }
        }
        let is_client = |service: &String| service.starts_with(Role::Client.service());
        lanes.drivers.sort_by_key(|(service, _)| is_client(service));
        lanes
    }

    /// The title of each lane, in one or two lines.
    pub(super) fn titles(&self) -> Vec<[&str; 2]> {
        let drivers = self.drivers.iter();
        drivers
            .map(|(service, image)| [service.as_str(), image.as_str()])
            .chain([["NMR", ""], ["kernel", ""]])
            .collect()
    }

    /// The place of a lane among them.
    pub(super) fn place(&self, lane: &Lane) -> usize {
        let kernel = self.drivers.len() + 1;
        match lane {
            Lane::Driver(image) => {
                let place = self.drivers.iter().position(|(_, it)| it == image);
                place.unwrap_or(kernel)
            }
            Lane::Nmr => self.drivers.len(),
            Lane::Kernel => kernel,
        }
    }

    /// The driver of a service.
    pub(super) fn of_service(&self, service: &str) -> Lane {
        let driver = self.drivers.iter().find(|(it, _)| it == service);
        driver.map_or(Lane::Kernel, |(_, image)| Lane::Driver(image.clone()))
    }

    /// The driver at an end of a binding; the first one of that role if the binding is
    /// not known.
    pub(super) fn at_end(&self, binding: Option<u64>, side: Role) -> Lane {
        let known = binding.and_then(|binding| self.ends.get(&(binding, side)));
        known.map_or_else(
            || self.of_service(side.service()),
            |image| Lane::Driver(image.clone()),
        )
    }
}
