// SPDX-License-Identifier: MIT OR Apache-2.0

//! The in-flight gate: every call through an NPI passes it, and the detach callback closes
//! it.
//!
//! Microsoft's documentation asks for a lock, a count of calls in progress and a detaching
//! flag, which change together. One atomic word does the same without a lock: the count and
//! the flag are always read together, an entry costs one compare-and-exchange, and the gate
//! can be closed at any IRQL. `EX_RUNDOWN_REF` is not used, because it reports the end of the
//! last call only to a thread that blocks for it, which a detach callback must not do. The
//! same is true of its cache-aware form.
//!
//! # One word, or a word per processor
//!
//! The [module](crate::Module::GATE) chooses its [`GateWords`].
//!
//! | | [`One`](GateWords::One) | [`PerProcessor`](GateWords::PerProcessor) |
//! |---|---|---|
//! | enter, leave | a compare-and-exchange, an addition | two additions, and the processor's number twice |
//! | processors that call through one binding | contend for the word | do not contend |
//! | memory of a binding | one word | 128 bytes more for each processor, at most 4 KiB |
//! | close | one addition | one exchange for each processor, and one addition |
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/network/programming-considerations>

use core::fmt;
use core::marker::PhantomData;

use crate::Result;

mod processors;
mod slots;
mod word;

#[cfg(loom)]
pub use processors::run_on;

use slots::Slots;
use word::Word;

/// The state in which no call may begin yet: the attach is not committed.
const UNOPENED: usize = 1;
/// The state in which no call may begin any more: the detach callback has been entered.
const CLOSED: usize = 2;
/// One call in flight.
const ONE: usize = 4;

/// The words in which a binding's gate counts the calls in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateWords {
    /// One word for all processors: cheapest if one processor at a time calls through a
    /// binding.
    One,
    /// One word for each processor: for a module whose bindings several processors call
    /// through all the time.
    PerProcessor,
}

/// The choice of [`GateWords`], as a type.
pub trait Choice {
    /// The choice.
    const WORDS: GateWords;
}

/// Counts the calls in flight through one end of one binding.
///
/// # Invariants
///
/// - The count is one for `new`, plus the number of successful `enter` and of `add_ref`
///   calls, minus the number of `leave` calls. It is the sum of the word and of the open
///   slots.
/// - After `close`, no `enter` succeeds.
pub struct Gate<C: Choice> {
    word: Word,
    /// `Some` if the choice is a word per processor.
    slots: Option<Slots>,
    choice: PhantomData<fn() -> C>,
}

/// The result of [`Gate::leave`] and [`Gate::close`].
#[must_use = "the last one out completes the detach"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Other calls are in flight, or the gate is not closed. The gate may have been freed
    /// already.
    NotLast,
    /// The gate is closed and no call is in flight: the detach is complete. This is returned
    /// once.
    LastOut,
}

impl<C: Choice> Gate<C> {
    /// Creates an unopened gate with one call in flight: the attach itself, which
    /// [`leave`](Self::leave)s at its end. So a detach that begins before the attach callback
    /// has returned pends until then, should NMR ever do that. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES` if the words per processor cannot be allocated.
    pub fn new() -> Result<Self> {
        let slots = match C::WORDS {
            GateWords::One => None,
            GateWords::PerProcessor => Some(Slots::new()?),
        };
        Ok(Self {
            word: Word::new(),
            slots,
            choice: PhantomData,
        })
    }

    /// The words per processor, if the module has chosen them.
    const fn slots(&self) -> Option<&Slots> {
        match C::WORDS {
            GateWords::One => None,
            GateWords::PerProcessor => self.slots.as_ref(),
        }
    }

    /// Lets calls begin. Has no effect on a closed gate. Any IRQL.
    pub fn open(&self) {
        self.word.open();
        if let Some(slots) = self.slots() {
            slots.open();
        }
    }

    /// Begins a call. Returns `true` if the gate is open; the caller then owes one `leave`.
    /// Any IRQL.
    #[must_use]
    pub fn enter(&self) -> bool {
        self.slots()
            .map_or_else(|| self.word.enter(), |slots| slots.here().add())
    }

    /// Adds a reference, for which the caller owes one more `leave`. Works on a closed gate,
    /// too, because no new call begins. Any IRQL.
    ///
    /// The caller has a call in flight, or is the detach callback before it
    /// [`close`](Self::close)s the gate.
    pub fn add_ref(&self) {
        if !self.slots().is_some_and(|slots| slots.here().add()) {
            self.word.add_ref();
        }
    }

    /// The approximate number of calls in flight, for a trace. Any IRQL.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        let slots = self.slots().map_or(0, Slots::counted);
        let sum = self.word.counted().wrapping_add(slots).cast_signed() / ONE.cast_signed();
        // A thread that changes processors while the words are read may be counted only
        // where it leaves, so that the sum may be negative.
        sum.max(0).unsigned_abs()
    }

    /// Closes the gate: after it has returned, no call begins. Any IRQL.
    ///
    /// # Safety
    ///
    /// `this` is valid when this is called, which happens once. Unless this returns
    /// [`Leave::LastOut`], the gate may be freed before it returns.
    pub unsafe fn close(this: *const Self) -> Leave {
        // SAFETY: by this function's contract the gate is valid until the word is closed.
        let slots = unsafe { (*this).slots() };
        let counted = slots.map_or(0, Slots::close);
        // SAFETY: by this function's contract the gate is valid until the word is closed,
        // which this one operation does.
        unsafe { (*this).word.close(counted) }
    }

    /// Ends a call. Any IRQL.
    ///
    /// # Safety
    ///
    /// `this` is valid when this is called, and the caller has a call in flight. The gate may
    /// be freed before this returns, by whichever caller leaves last.
    pub unsafe fn leave(this: *const Self) -> Leave {
        // SAFETY: by this function's contract a call is in flight, and the gate is valid until
        // that call is subtracted.
        let slots = unsafe { (*this).slots() };
        if slots.is_some_and(|slots| slots.here().subtract()) {
            return Leave::NotLast;
        }
        // SAFETY: the call is still in flight: no slot has subtracted it.
        unsafe { (*this).word.leave() }
    }
}

impl<C: Choice> fmt::Debug for Gate<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("words", &C::WORDS)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
