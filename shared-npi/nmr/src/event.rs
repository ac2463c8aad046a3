// SPDX-License-Identifier: MIT OR Apache-2.0

//! The events of a module's life cycle that a driver can trace.

use crate::NtStatus;
use crate::module::ModuleId;

/// An event of a module's life cycle: the argument of [`Module::trace`].
///
/// Calls are not events, so that a call takes the same path whether or not the driver traces.
///
/// [`Module::trace`]: crate::Module::trace
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event {
    /// `NmrRegisterClient` or `NmrRegisterProvider` has returned `status`.
    /// IRQL = `PASSIVE_LEVEL`.
    Register {
        /// The status that NMR returned.
        status: NtStatus,
    },
    /// A peer has been offered. IRQL = `PASSIVE_LEVEL`.
    Attach {
        /// The identity of the peer, if it has a valid one.
        peer: Option<ModuleId>,
        /// `STATUS_SUCCESS` if the peer was accepted, or the status of the refusal.
        status: NtStatus,
    },
    /// The detach callback of a binding has closed its gate. IRQL <= `DISPATCH_LEVEL`.
    Detach {
        /// The identity of the peer, if it has a valid one.
        peer: Option<ModuleId>,
        /// The calls, pended requests and other holds that the detach waits for.
        in_flight: usize,
    },
    /// Both sides have detached, and the cleanup callback frees the binding.
    /// IRQL <= `DISPATCH_LEVEL`.
    Cleanup {
        /// The identity of the peer, if it has a valid one.
        peer: Option<ModuleId>,
    },
    /// `NmrDeregisterClient` or `NmrDeregisterProvider` has returned `status`.
    /// IRQL <= `DISPATCH_LEVEL`.
    Deregister {
        /// The status that NMR returned.
        status: NtStatus,
    },
    /// A deregistration that was pending is complete. IRQL = `PASSIVE_LEVEL`.
    Deregistered,
}
