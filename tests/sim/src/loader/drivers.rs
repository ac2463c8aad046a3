// SPDX-License-Identifier: MIT OR Apache-2.0

//! The drivers of a cycle, including unloaded ones, to which addresses in their images are
//! still attributed.

use std::rc::Rc;

use iced_x86::Instruction;
use scenarios::{CodePlace, Instance, Place};

use crate::loader::image::Image;

/// One load of a driver; a driver that is loaded again is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DriverId(pub(crate) usize);

/// A place in a driver's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) driver: DriverId,
    /// Relative to the image's base; none where the caller was another module
    /// (the driver jumped instead of calling).
    pub(crate) offset: Option<u32>,
}

/// The state of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadState {
    /// Mapped; its entry point may be running.
    Here,
    /// Its unload routine has been called.
    Unloading,
    /// Its image is unmapped.
    Gone,
}

/// A driver.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) image: Rc<Image>,
    pub(crate) instance: Instance,
    /// Which instance of its image it is, from 1.
    pub(crate) copy: u8,
    pub(crate) base: usize,
    /// Where its image ends.
    end: usize,
    pub(crate) life: LoadState,
    /// The last failed call that the driver has made.
    pub(crate) failed: Option<FailedCall>,
    name: String,
}

/// A failed call that a driver has made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedCall {
    pub(crate) function: &'static str,
    pub(crate) status: i32,
    /// The code that made it.
    pub(crate) by: Option<Site>,
}

impl Driver {
    /// A driver that was just mapped at `base`.
    pub(crate) fn new(image: Rc<Image>, instance: Instance, copy: u8, base: usize) -> Self {
        let name = match copy {
            1 => image.name().to_owned(),
            copy => format!("{}#{copy}", image.name()),
        };
        let end = base + image.size();
        Self {
            image,
            instance,
            copy,
            base,
            end,
            life: LoadState::Here,
            failed: None,
            name,
        }
    }

    /// Its file, and which instance of it this is if not the first: `client.sys#2`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The addresses of its image.
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.base..self.end
    }
}

/// All drivers of a cycle, in the order of their loads.
#[derive(Debug, Default)]
pub(crate) struct Drivers(Vec<Driver>);

impl Drivers {
    pub(crate) fn add(&mut self, driver: Driver) -> DriverId {
        self.0.push(driver);
        DriverId(self.0.len() - 1)
    }

    /// Returns `true` if one of the drivers, here or gone, is `wanted`.
    pub(crate) fn any(&self, wanted: impl Fn(&Driver) -> bool) -> bool {
        self.0.iter().any(wanted)
    }

    /// The place in a driver's code, here or gone, that `address` is.
    pub(crate) fn site(&self, address: usize) -> Option<Site> {
        // Each image lies behind those that were loaded before.
        let behind = self.0.partition_point(|driver| driver.base <= address);
        let index = behind.checked_sub(1)?;
        let Driver { base, end, .. } = self.0[index];
        (address < end).then(|| Site {
            driver: DriverId(index),
            offset: u32::try_from(address - base).ok(),
        })
    }

    /// The entry point of a driver, for findings about the driver as a whole.
    pub(crate) fn entry(&self, driver: DriverId) -> Option<Site> {
        let driver = &self[driver];
        self.site(driver.base + driver.image.entry_point())
    }

    /// The driver that was loaded last as this instance.
    pub(crate) fn last(&self, instance: Instance) -> Option<DriverId> {
        let mut drivers = self.0.iter();
        let last = drivers.rposition(|driver| driver.instance == instance);
        last.map(DriverId)
    }

    /// The driver that was loaded last from this image.
    pub(crate) fn with_image(&self, image: &Rc<Image>) -> Option<DriverId> {
        let mut drivers = self.0.iter();
        let last = drivers.rposition(|driver| Rc::ptr_eq(&driver.image, image));
        last.map(DriverId)
    }

    /// The function and the line of a place, as far as they are known.
    pub(crate) fn place(&self, site: Site) -> Option<Place> {
        self[site.driver].image.place(site.offset?)
    }

    /// The instruction at an address.
    pub(crate) fn instruction(&self, address: usize) -> Option<Instruction> {
        let site = self.site(address)?;
        self[site.driver].image.instruction(site.offset?)
    }

    /// A place, for events.
    pub(crate) fn code_place(&self, site: Site) -> CodePlace {
        CodePlace {
            driver: self[site.driver].name().to_owned(),
            offset: site.offset,
            place: self.place(site),
        }
    }

    /// `client.sys+0x1234 Detach (client.c:12)`.
    pub(crate) fn show(&self, site: Site) -> String {
        self.code_place(site).to_string()
    }

    /// The variable at a place: `Count (client.sys+0x3070)`.
    pub(crate) fn show_variable(&self, site: Site) -> String {
        let driver = &self[site.driver];
        let offset = site.offset.unwrap_or_default();
        let place = format!("{}+{offset:#x}", driver.name());
        match driver.image.variable(offset) {
            Some((name, 0)) => format!("{name} ({place})"),
            Some((name, distance)) => format!("offset {distance:#x} of {name} ({place})"),
            None => format!("the variable at {place}"),
        }
    }

    /// The function that code at a place belongs to, and not one that is inlined there:
    /// `Ask of client.sys (client.c:12)`.
    pub(crate) fn show_function(&self, site: Site) -> String {
        let driver = &self[site.driver];
        let places = site.offset.map(|offset| driver.image.places(offset));
        let Some(place) = places.and_then(|mut places| places.pop()) else {
            return self.show(site);
        };
        let name = driver.name();
        let line = match (place.file, place.line) {
            (Some(file), Some(line)) => format!(" ({file}:{line})"),
            _ => String::new(),
        };
        format!("{} of {name}{line}", place.function)
    }
}

impl std::ops::Index<DriverId> for Drivers {
    type Output = Driver;

    fn index(&self, id: DriverId) -> &Driver {
        &self.0[id.0]
    }
}

impl std::ops::IndexMut<DriverId> for Drivers {
    fn index_mut(&mut self, id: DriverId) -> &mut Driver {
        &mut self.0[id.0]
    }
}
