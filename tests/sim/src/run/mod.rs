// SPDX-License-Identifier: MIT OR Apache-2.0

//! One cycle from its script to its result: drivers are loaded and unloaded, programs
//! use their devices, and failing cycles are shortened.

pub(crate) mod application;
pub(crate) mod dry_run;
pub(crate) mod imports;
pub(crate) mod machine;
pub(crate) mod main_loop;
pub(crate) mod matrix;
pub(crate) mod minimise;
pub(crate) mod open_points;
pub(crate) mod options;
pub(crate) mod programs;
pub(crate) mod roles;
pub(crate) mod script;
pub(crate) mod service_control;
pub(crate) mod unload;
pub(crate) mod unload_cost;

use std::collections::BTreeMap;

use scenarios::Instance;

use options::{Images, Options};
use programs::OpenHandles;
use service_control::{Loaded, Record};
use unload_cost::UnloadCost;

/// The drivers of a cycle, as the service control manager and programs know them.
#[derive(Debug)]
pub(crate) struct Run {
    images: Images,
    options: Options,
    /// `true` if threads are preempted at atomic instructions.
    preempts: bool,
    open_handles: OpenHandles,
    /// The drivers that are loaded.
    loaded: BTreeMap<Instance, Loaded>,
    /// The services that were asked for.
    records: BTreeMap<Instance, Record>,
    /// What each unload took, if that is measured.
    unload_costs: Vec<UnloadCost>,
}

impl Run {
    pub(crate) fn new(images: Images, options: Options, preempts: bool) -> Self {
        Self {
            images,
            options,
            preempts,
            open_handles: OpenHandles::default(),
            loaded: BTreeMap::new(),
            records: BTreeMap::new(),
            unload_costs: Vec::new(),
        }
    }
}
