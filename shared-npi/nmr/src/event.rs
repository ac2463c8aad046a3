// SPDX-License-Identifier: MIT OR Apache-2.0

//! The events in the life of a module that a driver traces.

use crate::NtStatus;
use crate::module::ModuleId;

/// An event in the life of a module: the argument of [`Module::trace`].
///
/// There is none for each call, so that the path of a call is the same whether a driver
/// traces or not.
///
/// [`Module::trace`]: crate::Module::trace
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event {
    /// `NmrRegisterClient` or `NmrRegisterProvider` has returned `status`.
    /// IRQL = `PASSIVE_LEVEL`.
    Register {
        /// What NMR returned.
        status: NtStatus,
    },
    /// A peer has been offered. IRQL = `PASSIVE_LEVEL`.
    Attach {
        /// The identity of the peer, if it has a valid one.
        peer: Option<ModuleId>,
        /// `STATUS_SUCCESS` if the peer was accepted, else why it was refused.
        status: NtStatus,
    },
    /// The detach callback of a binding has closed its gate. IRQL <= `DISPATCH_LEVEL`.
    Detach {
        /// The identity of the peer, if it has a valid one.
        peer: Option<ModuleId>,
        /// The calls, pended requests and other holds that the detach waits for.
        in_flight: usize,
    },
    /// The detach of a binding is complete on both sides: the cleanup callback frees it.
    /// IRQL <= `DISPATCH_LEVEL`.
    Cleanup {
        /// The identity of the peer, if it has a valid one.
        peer: Option<ModuleId>,
    },
    /// `NmrDeregisterClient` or `NmrDeregisterProvider` has returned `status`.
    /// IRQL <= `DISPATCH_LEVEL`.
    Deregister {
        /// What NMR returned.
        status: NtStatus,
    },
    /// A deregistration that was pending is complete. IRQL = `PASSIVE_LEVEL`.
    Deregistered,
}
