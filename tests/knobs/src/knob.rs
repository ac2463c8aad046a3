// SPDX-License-Identifier: MIT OR Apache-2.0

//! The names of the questions.

use core::fmt;

/// A question that no document answers, or that Windows answers otherwise: a host
/// answers it anew each time it comes up, and a driver must survive every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Knob {
    /// Which side's detach callback runs first: 0 client, 1 provider.
    DetachOrder,
    /// Which side's cleanup callback runs first: 0 client, 1 provider.
    CleanupOrder,
    /// When `NmrRegister...` writes the handle: 0 before any callback, 1 last.
    HandleWritten,
    /// The IRQL at which detach and cleanup callbacks run: 0 the caller's,
    /// 1 `DISPATCH_LEVEL`. A host that cannot raise ignores it.
    CallbackIrql,
    /// What `NmrDeregister...` answers when nothing is left to be done by the
    /// time it returns: 0 `STATUS_PENDING`; 1 `STATUS_SUCCESS`, which ends the
    /// handle.
    DeregisterWhenIdle,
    /// When the second detach callback of a binding is called: 0 as soon as the
    /// first has returned, 1 when the first side has completed its detach.
    DetachOverlap,
    /// When a completion counts that comes before the detach callback has
    /// returned: 0 when it returns, 1 at once.
    EarlyComplete,
    /// Which of several peers is offered first: 0 the one that registered
    /// first, 1 the one that registered last.
    AttachOrder,
    /// Whether a structure with an undocumented `Version`, `Length` or `Size`
    /// is 0 registered or 1 refused with `STATUS_INVALID_PARAMETER`.
    OddCharacteristics,
    /// What becomes of the handle variable when `NmrRegister...` fails: 0 it is
    /// left alone, 1 it is set to NULL, 2 to a value that names nothing.
    HandleOnFailure,
    /// Whether a NULL `ModuleId` is 0 registered or 1 refused with
    /// `STATUS_INVALID_PARAMETER`.
    NullModuleId,
    /// Whether a `NmrClientAttachProvider` outside the `ClientAttachProvider`
    /// that its handle was given to, on another thread or in the offer of
    /// another provider, is 0 refused or 1 served.
    AttachThread,
    /// Whether a detach callback that returns neither `STATUS_SUCCESS` nor
    /// `STATUS_PENDING` counts as 0 the one or 1 the other.
    OddDetachStatus,
    /// What a second `NmrDeregister...` answers: 0 `STATUS_INVALID_PARAMETER`,
    /// 1 `STATUS_PENDING`.
    DeregisterTwice,
    /// Whether a registration instance whose `Version` is not 0 is 0 worth a note
    /// or 1 a breach of R1; it is registered in either case.
    InstanceVersion,
    /// Whether a `...DetachComplete` before the detach callback is 0 worth a note
    /// or 1 a breach of R21; it is remembered in either case.
    CompleteBeforeDetach,
    /// What follows the string of the `RegistryPath` in memory: 0 nothing, 1 a NUL.
    RegistryPathEnd,
    /// What becomes of DPCs that are queued or run when `DriverUnload` returns:
    /// 0 they are findings, 1 they finish before the image is unmapped.
    DpcsAtUnload,
    /// Who sends a request to a control device: 0 a program, with a file object,
    /// 1 another driver, without one.
    RequestFile,
    /// When the I/O manager reads `DriverUnload`: 0 when it grants the unload, 1
    /// again when it calls the routine.
    UnloadRoutineRead,
    /// The error with which the service control manager refuses to stop a driver
    /// that has no `DriverUnload` at the time: 0 1052, 1 1.
    RefusedStop,
    /// How long a DPC may run, and how long other code may stay at `DISPATCH_LEVEL`:
    /// 0 20 seconds and 2 minutes, 1 one second and 6 seconds.
    DpcTimeLimit,
    /// What `IoDeleteDevice` does with a device that is registered for shutdown
    /// notification: 0 it unregisters it, 1 nothing.
    NotificationAtDelete,
}

impl Knob {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::DetachOrder,
        Self::CleanupOrder,
        Self::HandleWritten,
        Self::CallbackIrql,
        Self::DeregisterWhenIdle,
        Self::DetachOverlap,
        Self::EarlyComplete,
        Self::AttachOrder,
        Self::OddCharacteristics,
        Self::HandleOnFailure,
        Self::NullModuleId,
        Self::AttachThread,
        Self::OddDetachStatus,
        Self::DeregisterTwice,
        Self::InstanceVersion,
        Self::CompleteBeforeDetach,
        Self::RegistryPathEnd,
        Self::DpcsAtUnload,
        Self::RequestFile,
        Self::UnloadRoutineRead,
        Self::RefusedStop,
        Self::DpcTimeLimit,
        Self::NotificationAtDelete,
    ];

    /// The number of answers.
    #[must_use]
    pub const fn answers(self) -> u32 {
        match self {
            Self::HandleOnFailure => 3,
            _ => 2,
        }
    }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Knob;

    #[test]
    fn every_knob_stands_at_its_own_place() {
        for (place, knob) in Knob::ALL.into_iter().enumerate() {
            assert_eq!(place, knob as usize);
        }
    }
}
