// SPDX-License-Identifier: MIT OR Apache-2.0

//! Frames of functions that have returned, on the stacks of threads that do not run: driver
//! code must not touch them.
//!
//! In a cycle that watches stacks, that of a thread which gives way is inaccessible until it
//! goes on. An access to its frames lets others to the stack again; a driver's access below
//! them is an exception. In every other cycle what lies below the frames of drivers is summed
//! up when a thread gives way, and must be the same when it goes on: it contains the frames
//! of the simulated kernel.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{GUARD, SLOT, is_guard};
use crate::hardware::arena::{self, Access, STACKS};

const COUNT: usize = (STACKS.end - STACKS.start) / SLOT;

/// Whether the cycle watches stacks.
static WATCHES: AtomicBool = AtomicBool::new(false);
/// Whether each stack is inaccessible.
static HIDDEN: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
/// Where the frames of drivers end on each stack; 0 if that is not known.
static END: [AtomicUsize; COUNT] = [const { AtomicUsize::new(0) }; COUNT];

fn number(address: usize) -> usize {
    (address - STACKS.start) / SLOT
}

/// The accessible part of the stack with this number.
fn accessible(number: usize) -> Range<usize> {
    let bottom = STACKS.start + number * SLOT;
    bottom + GUARD..bottom + SLOT
}

/// Watches the stacks of the next cycle, or does not.
pub(crate) fn watch(watches: bool) {
    WATCHES.store(watches, Ordering::Relaxed);
}

/// Returns `true` if the cycle watches stacks.
pub(crate) fn watches() -> bool {
    WATCHES.load(Ordering::Relaxed)
}

/// The thread with the stack at `bottom` does not run any more; the frames of its drivers
/// end at `end`, if that is known.
pub(crate) fn hide(bottom: usize, end: Option<usize>) {
    if !watches() {
        return;
    }
    let number = number(bottom);
    END[number].store(end.unwrap_or(0), Ordering::Relaxed);
    if arena::protect(accessible(number), Access::None).is_ok() {
        HIDDEN[number].store(true, Ordering::Relaxed);
    }
}

/// The thread with the stack at `bottom` runs.
pub(crate) fn show(bottom: usize) {
    show_number(number(bottom));
}

fn show_number(number: usize) {
    if HIDDEN[number].load(Ordering::Relaxed) {
        HIDDEN[number].store(false, Ordering::Relaxed);
        let shown = arena::protect(accessible(number), Access::ReadWrite);
        shown.expect("a stack is a mapping of its own");
    }
}

/// After a cycle: all stacks are accessible.
pub(super) fn show_all() {
    (0..COUNT).for_each(show_number);
    watch(false);
}

/// Returns `true` if `address` lies below the frames of the thread whose stack it is on.
pub(crate) fn is_dead(address: usize) -> bool {
    let hidden = STACKS.contains(&address)
        && !is_guard(address)
        && HIDDEN[number(address)].load(Ordering::Relaxed);
    hidden && address < END[number(address)].load(Ordering::Relaxed)
}

/// An access to `address` has faulted. Returns `true` if it may be made now.
pub(in crate::hardware) fn admit(address: usize, by_driver: bool) -> bool {
    let may = STACKS.contains(&address)
        && !is_guard(address)
        && HIDDEN[number(address)].load(Ordering::Relaxed)
        && !(by_driver && is_dead(address));
    if may {
        show(address);
    }
    may
}

/// The sum of what lies below `end`, where the frames of drivers end: at most down to
/// `start`, where the thread gives way.
pub(crate) fn sum(start: usize, end: usize) -> u64 {
    /// Most dead frames begin no further below.
    const MOST: usize = 768;
    /// Any odd number.
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    const LANES: usize = 4;
    let start = start.max(end.saturating_sub(MOST));
    let words = end.saturating_sub(start) / size_of::<u64>() / LANES * LANES;
    // SAFETY: the words lie on a stack whose thread does not run, and nobody writes to
    // them while the slice is in use.
    let words = unsafe { std::slice::from_raw_parts(start as *const u64, words) };
    let mut lanes = [1; LANES];
    for four in words.as_chunks::<LANES>().0 {
        for (lane, word) in lanes.iter_mut().zip(four) {
            *lane = (*lane ^ word).wrapping_mul(FACTOR);
        }
    }
    lanes
        .into_iter()
        .fold(0, |sum, lane| sum.rotate_left(1) ^ lane)
}
