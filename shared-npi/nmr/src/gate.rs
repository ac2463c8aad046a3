// SPDX-License-Identifier: MIT OR Apache-2.0

//! The in-flight gate: what every call through an NPI passes, and what a detach
//! callback closes.
//!
//! N8 of the documentation asks for a lock, a count of calls in progress and a
//! detaching flag that change together. One atomic word does the same without
//! the lock: the count and the flag cannot be seen apart, an entry costs one
//! compare-and-exchange, and closing is legal at any IRQL. `EX_RUNDOWN_REF` is
//! not used because its only way to wait is to block, which a detach callback
//! must not.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/network/programming-considerations>

use crate::sync::atomic::{AtomicUsize, Ordering};

/// Calls may not begin yet: the attach is not committed.
const UNOPENED: usize = 1;
/// Calls may begin no more: the detach callback has been entered.
const CLOSED: usize = 2;
/// One call in flight.
const ONE: usize = 4;

/// Counts the calls in flight through one end of one binding.
///
/// # Invariants
///
/// - The count is the number of `enter` and `add_ref` calls, plus one for `new`,
///   that no `leave` has answered yet.
/// - After `close`, no `enter` succeeds.
#[derive(Debug)]
pub struct Gate {
    state: AtomicUsize,
}

/// The result of [`Gate::leave`] and [`Gate::close`].
#[must_use = "the last one out completes the detach"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Others are in flight, or the gate is not closed. The gate's memory may
    /// be gone already.
    NotLast,
    /// The gate is closed and no call is in flight: the detach is complete. One
    /// caller gets this, once.
    LastOut,
}

impl Gate {
    /// An unopened gate with one call in flight: the attach itself, which
    /// [`leave`](Self::leave)s when it is done. So a detach that comes before
    /// the attach callback has returned waits for it, whatever NMR allows.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: AtomicUsize::new(UNOPENED | ONE),
        }
    }

    /// As without the model checker, whose atomics are not `const`.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: AtomicUsize::new(UNOPENED | ONE),
        }
    }

    /// Lets calls begin. Has no effect on a closed gate. Any IRQL.
    pub fn open(&self) {
        // Release: who enters sees what was written before the gate opened.
        self.state.fetch_and(!UNOPENED, Ordering::Release);
    }

    /// Begins a call, if the gate is open; `true` obliges to one `leave`.
    /// Any IRQL.
    #[must_use]
    pub fn enter(&self) -> bool {
        self.state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |state| {
                (state & (UNOPENED | CLOSED) == 0).then(|| state.wrapping_add(ONE))
            })
            .is_ok()
    }

    /// Adds a reference, obliged to one `leave` of its own. Succeeds on a closed
    /// gate, too: no new call begins. Any IRQL.
    ///
    /// The caller has a call in flight, or is the detach callback before it
    /// [`close`](Self::close)s the gate.
    pub fn add_ref(&self) {
        self.state.fetch_add(ONE, Ordering::Relaxed);
    }

    /// The number of calls in flight at the moment, for a trace. Any IRQL.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.state.load(Ordering::Relaxed) / ONE
    }

    /// Closes the gate: from now on no call begins. Any IRQL.
    ///
    /// # Safety
    ///
    /// `this` is valid up to this call, and this is its only one. The gate may
    /// dangle before the call has returned, unless the answer is
    /// [`Leave::LastOut`].
    pub unsafe fn close(this: *const Self) -> Leave {
        // SAFETY: by the contract the gate is valid until this one operation.
        let state = unsafe { &(*this).state };
        let before = state.fetch_or(CLOSED, Ordering::AcqRel);
        if before & !UNOPENED == 0 {
            Leave::LastOut
        } else {
            Leave::NotLast
        }
    }

    /// Ends a call. Any IRQL.
    ///
    /// # Safety
    ///
    /// - `this` is valid up to this call, in which the caller has a call in
    ///   flight. It may dangle before the call has returned: the last caller
    ///   to leave may cause the memory to be freed.
    pub unsafe fn leave(this: *const Self) -> Leave {
        // SAFETY: by the contract the gate is valid until the caller, who is
        // in flight, has left, which is this one operation.
        let state = unsafe { &(*this).state };
        // Release: all that the call did comes before the memory goes.
        let before = state.fetch_sub(ONE, Ordering::Release);
        if before & !UNOPENED != (CLOSED | ONE) {
            return Leave::NotLast;
        }
        // Acquire: pairs with the release of every earlier leave.
        crate::sync::atomic::fence(Ordering::Acquire);
        Leave::LastOut
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Gate, Leave};

    fn leave(gate: &Gate) -> Leave {
        // SAFETY: the gate outlives the call, and every test enters first.
        unsafe { Gate::leave(gate) }
    }

    fn close(gate: &Gate) -> Leave {
        // SAFETY: the gate outlives the call.
        unsafe { Gate::close(gate) }
    }

    fn open() -> Gate {
        let gate = Gate::new();
        gate.open();
        assert_eq!(leave(&gate), Leave::NotLast);
        gate
    }

    #[test]
    fn nobody_enters_before_it_opens() {
        let gate = Gate::new();
        assert!(!gate.enter());
        gate.open();
        assert!(gate.enter());
    }

    #[test]
    fn nobody_enters_after_it_closed() {
        let gate = open();
        assert_eq!(close(&gate), Leave::LastOut);
        assert!(!gate.enter());
        gate.open();
        assert!(!gate.enter());
    }

    #[test]
    fn the_last_of_those_in_flight_is_told_so() {
        let gate = open();
        assert!(gate.enter());
        gate.add_ref();
        assert_eq!(close(&gate), Leave::NotLast);
        assert_eq!(leave(&gate), Leave::NotLast);
        assert_eq!(leave(&gate), Leave::LastOut);
    }

    #[test]
    fn a_detach_during_the_attach_waits_for_it() {
        let gate = Gate::new();
        assert_eq!(close(&gate), Leave::NotLast);
        gate.open();
        assert_eq!(leave(&gate), Leave::LastOut);
    }

    #[test]
    fn a_gate_that_never_opened_closes() {
        let gate = Gate::new();
        assert_eq!(leave(&gate), Leave::NotLast);
        assert_eq!(close(&gate), Leave::LastOut);
    }
}
