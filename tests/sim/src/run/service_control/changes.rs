// SPDX-License-Identifier: MIT OR Apache-2.0

//! Changes of services whose drivers may be loaded: disabled, deleted, started again while
//! they stop, started as a second service of the same file.
//!
//! A driver does not notice any of this: its service key is there until it has gone. What
//! counts is which requests are refused, and that a driver can come back at once.

use rand::RngExt;
use scenarios::{Instance, Mechanism, Refusal, Service};

use super::{count_refusal, record};
use crate::kernel::State;

/// How a service may be started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StartType {
    /// On demand.
    #[default]
    Demand,
    /// Not at all.
    Disabled,
    /// Not at all, and the service goes when its driver has gone.
    Deleted,
}

/// Disables a service.
pub(crate) fn disable(state: &mut State, instance: Instance) {
    let start = &mut record(state, instance).start;
    if *start == StartType::Deleted {
        let refusal = Refusal::MarkedForDelete;
        count_refusal(state, "ChangeServiceConfig", instance, refusal);
        return;
    }
    *start = StartType::Disabled;
    state.trace(|_| format!("the service of {instance} is disabled"));
}

/// Deletes a service, which stays until its driver has gone.
pub(crate) fn delete(state: &mut State, instance: Instance) {
    let record = record(state, instance);
    if record.start == StartType::Deleted {
        let refusal = Refusal::MarkedForDelete;
        let refused = record.service != Service::Stopped;
        if refused {
            count_refusal(state, "DeleteService", instance, refusal);
        }
        return;
    }
    record.start = StartType::Deleted;
    state.trace(|_| format!("the service of {instance} is deleted"));
}

/// Requests the start of a second service of a driver's file. Without the driver that
/// would be a load as any other: it is not requested.
pub(crate) fn start_second(state: &mut State, instance: Instance) {
    if record(state, instance).service != Service::Stopped {
        let what = "StartService of a second service for the file";
        count_refusal(state, what, instance, Refusal::AlreadyRunning);
    }
}

/// Requests a driver's load while it unloads, which is refused.
pub(crate) fn request_early_load(state: &mut State, instance: Instance) {
    let service = record(state, instance).service;
    if service == Service::Stopped {
        return;
    }
    let by = Mechanism::ALL[state.choices.managers.random_range(0..Mechanism::ALL.len())];
    if by == Mechanism::ServiceControlManager {
        count_refusal(state, "StartService", instance, Refusal::AlreadyRunning);
    } else {
        state.trace(|_| format!("the load of {instance} is refused: its image is there"));
    }
}

/// Makes a service that can be started again of one that cannot.
pub(super) fn restore(state: &mut State, instance: Instance) {
    let record = record(state, instance);
    let what = match std::mem::take(&mut record.start) {
        StartType::Demand => return,
        StartType::Disabled => {
            let refusal = Refusal::Disabled;
            count_refusal(state, "StartService", instance, refusal);
            "enabled"
        }
        StartType::Deleted => "created",
    };
    state.trace(|_| format!("the service of {instance} is {what} again"));
}
