// SPDX-License-Identifier: MIT OR Apache-2.0

//! Driver images: their mapping, their imports, and the driver, function and line of a
//! code address.

pub(crate) mod code;
pub(crate) mod drivers;
pub(crate) mod export;
mod facts;
mod functions;
pub(crate) mod handlers;
pub(crate) mod image;
pub(crate) mod missing;
pub(crate) mod symbols;

use std::collections::BTreeMap;

use crate::hardware::arena::IMAGES;
use drivers::{DriverId, Drivers};
use missing::MissingImports;

/// The images of a cycle.
#[derive(Debug)]
pub(crate) struct Loader {
    pub(crate) drivers: Drivers,
    /// The driver objects, by address.
    pub(crate) objects: BTreeMap<usize, DriverId>,
    /// The imports that nothing provides.
    pub(crate) missing: MissingImports,
    /// The end of the last image that was mapped.
    pub(crate) image_end: usize,
}

impl Default for Loader {
    fn default() -> Self {
        Self {
            drivers: Drivers::default(),
            objects: BTreeMap::new(),
            missing: MissingImports::default(),
            image_end: IMAGES.start,
        }
    }
}
