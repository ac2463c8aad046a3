// SPDX-License-Identifier: MIT OR Apache-2.0

//! The word of a gate that has the closed state and detects the last leave.

use super::{CLOSED, Leave, ONE, UNOPENED};
use crate::sync::atomic::{AtomicUsize, Ordering, fence};

/// A count of calls in flight, and in its low bits the state of the gate.
///
/// The count may be negative while the word is not closed: a call that a slot has counted may
/// leave here.
pub(super) struct Word(AtomicUsize);

impl Word {
    /// Creates the word of an unopened gate, with one call in flight.
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(UNOPENED | ONE))
    }

    pub(super) fn open(&self) {
        // Release: a thread that enters sees what was written before the gate opened.
        self.0.fetch_and(!UNOPENED, Ordering::Release);
    }

    /// Counts a call, if the gate is open.
    pub(super) fn enter(&self) -> bool {
        self.0
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |state| {
                (state & (UNOPENED | CLOSED) == 0).then(|| state.wrapping_add(ONE))
            })
            .is_ok()
    }

    /// Counts a call, whether the gate is open or not.
    pub(super) fn add_ref(&self) {
        self.0.fetch_add(ONE, Ordering::Relaxed);
    }

    /// The count, in units of [`ONE`].
    pub(super) fn counted(&self) -> usize {
        self.0.load(Ordering::Relaxed) & !(UNOPENED | CLOSED)
    }

    /// Closes the gate, and adds the calls that the slots have `counted`, in units of
    /// [`ONE`].
    pub(super) fn close(&self, counted: usize) -> Leave {
        // Release: passes on to the last leave what was acquired from earlier ones. Acquire:
        // this may be the last one.
        let before = self
            .0
            .fetch_add(counted.wrapping_add(CLOSED), Ordering::AcqRel);
        if before.wrapping_add(counted) & !UNOPENED == 0 {
            Leave::LastOut
        } else {
            Leave::NotLast
        }
    }

    /// Subtracts a call. The word may have been freed when this returns.
    pub(super) fn leave(&self) -> Leave {
        // Release: everything that the call did happens before the memory is freed.
        let before = self.0.fetch_sub(ONE, Ordering::Release);
        if before & !UNOPENED != (CLOSED | ONE) {
            return Leave::NotLast;
        }
        // Acquire: pairs with the release of every earlier leave.
        fence(Ordering::Acquire);
        Leave::LastOut
    }
}
