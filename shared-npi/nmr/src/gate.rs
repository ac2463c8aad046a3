// SPDX-License-Identifier: MIT OR Apache-2.0

//! The in-flight gate: what every call through an NPI passes, and what a detach
//! callback closes.
//!
//! N8 of the documentation asks for a lock, a count of calls in progress and a
//! detaching flag that change together. One atomic word does the same without
//! the lock: the count and the flag cannot be seen apart, an entry costs one
//! compare-and-exchange, and closing is legal at any IRQL. `EX_RUNDOWN_REF` is
//! not used because its only way to wait is to block, which a detach callback
//! must not; neither does its cache-aware form say who left last.
//!
//! # One word, or a word per processor
//!
//! [`GateWords`] is the choice of the [module](crate::Module::GATE).
//!
//! | | [`One`](GateWords::One) | [`PerProcessor`](GateWords::PerProcessor) |
//! |---|---|---|
//! | enter, leave | a compare-and-exchange, an addition | two additions, and the processor's number twice |
//! | processors that call through one binding | take the word from each other | do not meet |
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

/// Calls may not begin yet: the attach is not committed.
const UNOPENED: usize = 1;
/// Calls may begin no more: the detach callback has been entered.
const CLOSED: usize = 2;
/// One call in flight.
const ONE: usize = 4;

/// The words in which a binding's gate counts the calls in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateWords {
    /// One for all processors: the cheapest for one processor, and for a module that
    /// is not called by several at a time.
    One,
    /// One for each processor: for a module that several processors call through one
    /// binding all the time.
    PerProcessor,
}

/// The choice of a gate's words, by type.
pub trait Choice {
    /// The words.
    const WORDS: GateWords;
}

/// Counts the calls in flight through one end of one binding.
///
/// # Invariants
///
/// - The count is the number of `enter` and `add_ref` calls, plus one for `new`,
///   that no `leave` has answered yet. It is the sum of the word and of the slots
///   that are open.
/// - After `close`, no `enter` succeeds.
pub struct Gate<C: Choice> {
    word: Word,
    /// There, if the choice is a word per processor.
    slots: Option<Slots>,
    choice: PhantomData<fn() -> C>,
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

impl<C: Choice> Gate<C> {
    /// An unopened gate with one call in flight: the attach itself, which
    /// [`leave`](Self::leave)s when it is done. So a detach that comes before
    /// the attach callback has returned waits for it, whatever NMR allows.
    /// IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`, if there are to be words per processor.
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

    /// The words per processor, if they are the choice.
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

    /// Begins a call, if the gate is open; `true` obliges to one `leave`.
    /// Any IRQL.
    #[must_use]
    pub fn enter(&self) -> bool {
        self.slots()
            .map_or_else(|| self.word.enter(), |slots| slots.here().add())
    }

    /// Adds a reference, obliged to one `leave` of its own. Succeeds on a closed
    /// gate, too: no new call begins. Any IRQL.
    ///
    /// The caller has a call in flight, or is the detach callback before it
    /// [`close`](Self::close)s the gate.
    pub fn add_ref(&self) {
        if !self.slots().is_some_and(|slots| slots.here().add()) {
            self.word.add_ref();
        }
    }

    /// The number of calls in flight at about this moment, for a trace. Any IRQL.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        let slots = self.slots().map_or(0, Slots::counted);
        let sum = self.word.counted().wrapping_add(slots).cast_signed() / ONE.cast_signed();
        // Who moves while the words are read may be counted only where it leaves.
        sum.max(0).unsigned_abs()
    }

    /// Closes the gate: from its return no call begins. Any IRQL.
    ///
    /// # Safety
    ///
    /// `this` is valid up to this call, and this is its only one. The gate may
    /// dangle before the call has returned, unless the answer is
    /// [`Leave::LastOut`].
    pub unsafe fn close(this: *const Self) -> Leave {
        // SAFETY: by the contract the gate is valid until the word is closed.
        let slots = unsafe { (*this).slots() };
        let counted = slots.map_or(0, Slots::close);
        // SAFETY: by the contract the gate is valid until this one operation.
        unsafe { (*this).word.close(counted) }
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
        // in flight, is subtracted.
        let slots = unsafe { (*this).slots() };
        if slots.is_some_and(|slots| slots.here().subtract()) {
            return Leave::NotLast;
        }
        // SAFETY: the caller is still in flight: no slot has subtracted it.
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
