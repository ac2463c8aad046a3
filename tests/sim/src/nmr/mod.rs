// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Network Module Registrar in this kernel: the registrar's host, and the counts of
//! registrations and state transitions.

pub(crate) mod durations;
pub(crate) mod host;
pub(crate) mod registered;
pub(crate) mod registrations;
mod trace;
pub(crate) mod transitions;

use std::collections::{BTreeMap, BTreeSet};

use registrar::host::{BindingId, RegistrationId};

use nmr::abi::NPIID;
use scenarios::{Instance, Overlap, Registered, Role};

use crate::loader::drivers::{DriverId, Site};
use crate::scheduling::ThreadId;
use durations::Durations;
use registrations::Registration;
use transitions::Transitions;

/// What is followed of registrations and bindings.
#[derive(Debug)]
pub(crate) struct Nmr {
    pub(crate) transitions: Transitions,
    /// What was registered, in this order, each once.
    pub(crate) registered: Vec<(Role, NPIID)>,
    /// The registrations of the cycle.
    registrations: BTreeMap<RegistrationId, Registration>,
    /// The registration whose end each thread waits for.
    pub(crate) waits: BTreeMap<ThreadId, RegistrationId>,
    /// The place that last reported the end of a side's detach.
    completions: BTreeMap<(BindingId, Role), Site>,
    /// The description of each registration, in a dry run.
    pub(crate) described: Option<Vec<Registered>>,
    /// The deregistrations that are pending, each with its driver.
    deregistrations: Overlap<Option<DriverId>>,
    durations: Durations,
}

impl Nmr {
    pub(crate) fn new(instances: &BTreeSet<Instance>) -> Self {
        Self {
            transitions: Transitions::new(instances),
            registered: Vec::new(),
            registrations: BTreeMap::new(),
            waits: BTreeMap::new(),
            completions: BTreeMap::new(),
            described: None,
            deregistrations: Overlap::default(),
            durations: Durations::default(),
        }
    }
}
