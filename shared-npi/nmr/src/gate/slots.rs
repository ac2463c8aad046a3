// SPDX-License-Identifier: MIT OR Apache-2.0

//! A word per processor, in front of the word of a gate.
//!
//! An open slot counts the calls that enter on its processor, less those that leave
//! there: a thread that moves in between is counted up in one slot and down in
//! another, so that only the sum says how many are in flight. The close ends each slot
//! by one exchange and adds what it had counted to the gate's word. What happens to a
//! slot before the exchange is in that count, what happens to it afterwards finds it
//! closed and goes to the word: nothing is counted twice or not at all. The word says
//! that a leave is the last one only once it is closed, which it is by the addition of
//! the sum.
//!
//! A slot that is not open counts nothing: whatever is added to it is forgotten.

use alloc::boxed::Box;

use super::{CLOSED, ONE, UNOPENED, processors};
use crate::Result;
use crate::memory::try_slice;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// The most slots of a gate, which fill a page. Beyond, processors share.
const MOST: usize = 32;

/// The slots of a gate.
///
/// # Invariants
///
/// Their number is a power of two.
pub(super) struct Slots(Box<[Slot]>);

/// A count, so far from the next that no processor fetches both: they come in lines
/// of 64 bytes, and some processors fetch the neighbour of a line with it.
#[repr(C)]
struct Slot {
    count: Count,
    _apart: [u64; 15],
}

/// The calls that have entered here, less those that have left here, and in its low bits
/// the state of the slot.
pub(super) struct Count(AtomicUsize);

impl Slots {
    /// As many as there are processors, unopened. IRQL <= `DISPATCH_LEVEL`.
    pub(super) fn new() -> Result<Self> {
        let count = processors::count().clamp(1, MOST);
        let slots = try_slice(count.next_power_of_two(), || Slot {
            count: Count(AtomicUsize::new(UNOPENED)),
            _apart: [0; 15],
        });
        // INVARIANT: a power of two was asked for.
        slots.map(Self)
    }

    /// The slot of this processor. The thread may be on another one by now: that
    /// costs time and changes no sum.
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

    /// What the open ones count, in units of [`ONE`].
    pub(super) fn counted(&self) -> usize {
        let state = |slot: &Slot| slot.count.0.load(Ordering::Relaxed);
        let open = self.0.iter().map(state).filter(|state| is_open(*state));
        open.fold(0, usize::wrapping_add)
    }

    /// Closes all. Returns what they had counted, in units of [`ONE`].
    pub(super) fn close(&self) -> usize {
        self.0
            .iter()
            .fold(0, |sum, slot| sum.wrapping_add(slot.count.close()))
    }
}

impl Count {
    /// Has an unopened slot count from now on.
    fn open(&self) {
        // Release: who enters sees what was written before the gate opened.
        let _ = self
            .0
            .fetch_update(Ordering::Release, Ordering::Relaxed, |state| {
                (state & CLOSED == 0).then_some(0)
            });
    }

    /// Counts a call in an open slot, and returns `true` if it is one.
    pub(super) fn add(&self) -> bool {
        is_open(self.0.fetch_add(ONE, Ordering::Acquire))
    }

    /// Counts the end of a call in an open slot, and returns `true` if it is one: then
    /// the slot may be gone when this returns.
    pub(super) fn subtract(&self) -> bool {
        // Release: all that the call did comes before the memory goes.
        is_open(self.0.fetch_sub(ONE, Ordering::Release))
    }

    /// Has a slot count no more. Returns what it had counted.
    fn close(&self) -> usize {
        // Acquire: pairs with the release of every leave that was counted here.
        let before = self.0.swap(CLOSED, Ordering::Acquire);
        if is_open(before) { before } else { 0 }
    }
}

const fn is_open(state: usize) -> bool {
    state & (UNOPENED | CLOSED) == 0
}
