// SPDX-License-Identifier: MIT OR Apache-2.0

//! Objects that drivers create and the kernel keeps: handles, names, events, registry keys, files,
//! access control lists, APCs, deferred routines, notifications, the filtering platform.

pub(crate) mod apcs;
pub(crate) mod deferred;
pub(crate) mod events;
pub(crate) mod file_system;
pub(crate) mod handles;
pub(crate) mod kernel_objects;
pub(crate) mod names;
pub(crate) mod notifications;
pub(crate) mod registry;
pub(crate) mod sddl;
pub(crate) mod security;
pub(crate) mod watches;
pub(crate) mod wfp;

use std::collections::{BTreeMap, BTreeSet};

use scenarios::{Instance, Setting};

use apcs::Apcs;
use deferred::Deferred;
use events::Events;
use file_system::FileSystem;
use handles::Handles;
use kernel_objects::KernelObjects;
use names::Names;
use notifications::Notifications;
use registry::Registry;
use security::Dacl;
use watches::Watches;
use wfp::Wfp;

/// The objects of a cycle.
#[derive(Debug)]
pub(crate) struct Objects {
    pub(crate) apcs: Apcs,
    pub(crate) deferred: Deferred,
    pub(crate) events: Events,
    pub(crate) handles: Handles,
    pub(crate) created: KernelObjects,
    /// The device for which each power request was created.
    pub(crate) power_requests: BTreeMap<usize, usize>,
    /// The context areas of driver objects, by object and identifier.
    pub(crate) extensions: BTreeMap<(usize, usize), usize>,
    pub(crate) names: Names,
    pub(crate) notifications: Notifications,
    /// The access control lists of devices that have one, by address.
    pub(crate) protections: BTreeMap<usize, Dacl>,
    /// The lookaside list that each entry was taken from, by their addresses.
    pub(crate) lookaside: BTreeMap<usize, usize>,
    pub(crate) registry: Registry,
    pub(crate) watches: Watches,
    pub(crate) file_system: FileSystem,
    pub(crate) wfp: Wfp,
}

impl Objects {
    pub(crate) fn new(instances: BTreeSet<Instance>, settings: &[Setting]) -> Self {
        Self {
            apcs: Apcs::default(),
            deferred: Deferred::default(),
            events: Events::default(),
            handles: Handles::default(),
            extensions: BTreeMap::new(),
            power_requests: BTreeMap::new(),
            created: KernelObjects::default(),
            names: Names::default(),
            notifications: Notifications::default(),
            protections: BTreeMap::new(),
            lookaside: BTreeMap::new(),
            registry: Registry::new(instances, settings),
            watches: Watches::default(),
            file_system: FileSystem::default(),
            wfp: Wfp::default(),
        }
    }
}
