// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the documents leave open.

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
}
