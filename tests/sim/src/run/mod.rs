// SPDX-License-Identifier: MIT OR Apache-2.0

//! One cycle from its script to its outcome: drivers are loaded and unloaded,
//! programs use their devices, and cycles that fail are made shorter.

pub(crate) mod application;
pub(crate) mod imports;
pub(crate) mod machine;
pub(crate) mod main_loop;
pub(crate) mod matrix;
pub(crate) mod minimise;
pub(crate) mod options;
pub(crate) mod programs;
pub(crate) mod scm;
pub(crate) mod script;
pub(crate) mod unload;

use std::collections::BTreeMap;

use scenarios::Instance;

use options::{Images, Options};
use programs::Held;
use scm::{Loaded, Record};

/// The drivers of a cycle, as the service control manager and programs know them.
#[derive(Debug)]
pub(crate) struct Run {
    images: Images,
    options: Options,
    held: Held,
    /// The drivers that are loaded.
    loaded: BTreeMap<Instance, Loaded>,
    /// The services that were asked for.
    records: BTreeMap<Instance, Record>,
}

impl Run {
    pub(crate) fn new(images: Images, options: Options) -> Self {
        Self {
            images,
            options,
            held: Held::default(),
            loaded: BTreeMap::new(),
            records: BTreeMap::new(),
        }
    }
}
