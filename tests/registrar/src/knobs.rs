// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the documents leave open.
//!
//! | knob | answer 0 | answer 1 | why both are possible |
//! |---|---|---|---|
//! | [`DetachOrder`](Knob::DetachOrder) | `ClientDetachProvider` first | `ProviderDetachClient` first | the reference lists the initiator's first, the design guide says only "both" |
//! | [`DetachOverlap`](Knob::DetachOverlap) | the second callback follows the first | it waits for the first side's completion | known implementations do either |
//! | [`EarlyComplete`](Knob::EarlyComplete) | counts when the callback returns | counts at once, cleanup may run in it | drivers complete inside the callback; nothing says when it takes effect |
//! | [`CleanupOrder`](Knob::CleanupOrder) | client's first | provider's first | only "after both have detached" is said |
//! | [`CallbackIrql`](Knob::CallbackIrql) | the caller's | `DISPATCH_LEVEL` | the callbacks' contract is IRQL <= `DISPATCH_LEVEL` |
//! | [`HandleWritten`](Knob::HandleWritten) | before any callback | after all of them | attach runs inside the call; its out parameter is said to be set when it returns |
//! | [`HandleOnFailure`](Knob::HandleOnFailure) | left alone | set to NULL (2: to a value that names nothing) | not documented; drivers set it themselves |
//! | [`AttachOrder`](Knob::AttachOrder) | oldest peer first | newest peer first | no order is given |
//! | [`OddCharacteristics`](Knob::OddCharacteristics) | registered all the same | `STATUS_INVALID_PARAMETER` | the fields have required values, but no status for others |
//! | [`NullModuleId`](Knob::NullModuleId) | registered | `STATUS_INVALID_PARAMETER` | the reference wants an id; shipping modules pass NULL in templates |
//! | [`AttachThread`](Knob::AttachThread) | refused | served | "from `ClientAttachProvider`" is all that is said |
//! | [`OddDetachStatus`](Knob::OddDetachStatus) | as `STATUS_SUCCESS` | as `STATUS_PENDING` | two statuses are documented; shipping modules return others |
//! | [`DeregisterTwice`](Knob::DeregisterTwice) | `STATUS_INVALID_PARAMETER` | `STATUS_PENDING` | not documented |
//! | [`DeregisterWhenIdle`](Knob::DeregisterWhenIdle) | `STATUS_PENDING` | `STATUS_SUCCESS` | only `STATUS_PENDING` is documented and seen on Windows; older simulations answer otherwise, so a host asks for this one on purpose |
//!
//! Some open points are decided, not drawn, because only one answer leaves a
//! module a way to be right: cleanup callbacks have returned before a wait
//! does; a provider whose client failed after it had accepted is detached and
//! cleaned up; the two ends of a binding have different handles; a completion
//! that comes before the detach callback is remembered; two registrations of
//! one driver are paired like any others.

/// A question about NMR that no document answers: a host answers it anew each
/// time it comes up, and a module must survive every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// time it returns: 0 `STATUS_PENDING`, as Windows does; 1 `STATUS_SUCCESS`,
    /// as older simulations do, which ends the handle.
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
    /// Whether a `NmrClientAttachProvider` on another thread than that of the
    /// `ClientAttachProvider` is 0 refused or 1 served.
    AttachThread,
    /// Whether a detach callback that returns neither `STATUS_SUCCESS` nor
    /// `STATUS_PENDING` counts as 0 the one or 1 the other.
    OddDetachStatus,
    /// What a second `NmrDeregister...` answers: 0 `STATUS_INVALID_PARAMETER`,
    /// 1 `STATUS_PENDING`.
    DeregisterTwice,
}

impl Knob {
    /// All of them. Answer 0 of each contradicts nothing that Windows was seen
    /// to do.
    pub const ALL: [Self; 14] = [
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
    ];

    /// How many answers there are.
    #[must_use]
    pub const fn answers(self) -> u32 {
        match self {
            Self::HandleOnFailure => 3,
            _ => 2,
        }
    }
}
