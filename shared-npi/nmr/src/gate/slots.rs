// SPDX-License-Identifier: MIT OR Apache-2.0

//! A word per processor, in front of the word of a gate.
//!
//! An open slot counts the calls that enter on its processor, minus those that leave there. A
//! thread that changes processors in between increments one slot and decrements another, so
//! that only the sum of all slots is the number of calls in flight. Closing the gate closes
//! each slot by one exchange, and adds its count to the gate's word. An operation before the
//! exchange is part of that count; an operation after it finds the slot closed and uses the
//! word instead. So each is counted exactly once. The word reports a leave as the last one
//! only when it is closed, which the addition of the sum does.
//!
//! A slot that is not open counts nothing: additions to it are ignored.

use alloc::boxed::Box;

use super::{CLOSED, ONE, UNOPENED, processors};
use crate::Result;
use crate::memory::try_slice;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// The maximum number of slots of a gate, which fill a page. More processors share slots.
const MOST: usize = 32;

/// The slots of a gate.
///
/// # Invariants
///
/// Their number is a power of two.
pub(super) struct Slots(Box<[Slot]>);

/// A count that shares no cache line with the next one. Cache lines have 64 bytes, and some
/// processors fetch the adjacent line as well.
#[repr(C)]
struct Slot {
    count: Count,
    _apart: [u64; 15],
}

/// The calls that have entered here, less those that have left here, and in its low bits
/// the state of the slot.
pub(super) struct Count(AtomicUsize);

impl Slots {
    /// Creates an unopened slot for each processor. IRQL <= `DISPATCH_LEVEL`.
    pub(super) fn new() -> Result<Self> {
        let count = processors::count().clamp(1, MOST);
        let slots = try_slice(count.next_power_of_two(), || Slot {
            count: Count(AtomicUsize::new(UNOPENED)),
            _apart: [0; 15],
        });
        // INVARIANT: the requested length is a power of two.
        slots.map(Self)
    }

    /// The slot of the current processor. If the thread moves to another processor
    /// meanwhile, that costs time but does not change the sum.
    pub(super) fn here(&self) -> &Count {
        let index = processors::current() & (self.0.len() - 1);
        // SAFETY: the length is a power of two, so that the index is below it.
        &unsafe { self.0.get_unchecked(index) }.count
    }

    pub(super) fn open(&self) {
        for slot in &self.0 {
            slot.count.open();
        }
    }

    /// The sum of the open slots' counts, in units of [`ONE`].
    pub(super) fn counted(&self) -> usize {
        let state = |slot: &Slot| slot.count.0.load(Ordering::Relaxed);
        let open = self.0.iter().map(state).filter(|state| is_open(*state));
        open.fold(0, usize::wrapping_add)
    }

    /// Closes all slots. Returns the sum of their counts, in units of [`ONE`].
    pub(super) fn close(&self) -> usize {
        self.0
            .iter()
            .fold(0, |sum, slot| sum.wrapping_add(slot.count.close()))
    }
}

impl Count {
    /// Opens an unopened slot: it counts from now on.
    fn open(&self) {
        // Release: a thread that enters sees what was written before the gate opened.
        let _ = self
            .0
            .fetch_update(Ordering::Release, Ordering::Relaxed, |state| {
                (state & CLOSED == 0).then_some(0)
            });
    }

    /// Counts a call. Returns `true` if the slot is open.
    pub(super) fn add(&self) -> bool {
        is_open(self.0.fetch_add(ONE, Ordering::Acquire))
    }

    /// Counts the end of a call. Returns `true` if the slot is open; the slot may then have
    /// been freed when this returns.
    pub(super) fn subtract(&self) -> bool {
        // Release: everything that the call did happens before the memory is freed.
        is_open(self.0.fetch_sub(ONE, Ordering::Release))
    }

    /// Closes the slot: it no longer counts. Returns its count.
    fn close(&self) -> usize {
        // Acquire: pairs with the release of every leave that was counted here.
        let before = self.0.swap(CLOSED, Ordering::Acquire);
        if is_open(before) { before } else { 0 }
    }
}

const fn is_open(state: usize) -> bool {
    state & (UNOPENED | CLOSED) == 0
}
