// SPDX-License-Identifier: MIT OR Apache-2.0

//! Stacks of simulated threads, at the same addresses in every run.

mod touched;
pub(crate) mod watched;

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use corosensei::stack::{Stack, StackPointer};

use crate::costs::{self, Kind};
use crate::hardware::arena::{self, Access, STACKS};
use touched::PageMap;

/// The address of the stack of the current thread.
pub(crate) static CURRENT: AtomicUsize = AtomicUsize::new(0);

/// The address of the return address of the latest call of the simulated kernel that a
/// driver has made. It is stored before anything is read that a register can make
/// unreadable.
pub(crate) static ENTERED: AtomicUsize = AtomicUsize::new(0);

/// Larger than a Windows kernel stack: the simulated kernel's own functions
/// run on it, too.
pub(crate) const SLOT: usize = 512 << 10;
const GUARD: usize = 64 << 10;
/// The first bytes of a stack are left to the end of a thread that faulted: it
/// runs there, and must not write over the frames that its finding tells of.
const HEADROOM: usize = 16 << 10;
/// The number of stacks drivers leave to the kernel: its first thread's, and
/// one for each module that comes or goes.
const RESERVED: usize = 32;

/// One stack. Below it lies a guard that no access survives.
#[derive(Debug)]
pub(crate) struct SimStack(usize);

impl SimStack {
    /// Its address, where its guard begins.
    pub(crate) fn bottom(&self) -> usize {
        STACKS.start + self.0 * SLOT
    }
}

// SAFETY: the slots do not overlap, `Stacks` hands each out once at a time, the
// lowest `GUARD` bytes stay inaccessible, and `SLOT` is a multiple of 16.
unsafe impl Stack for SimStack {
    fn base(&self) -> StackPointer {
        NonZeroUsize::new(self.bottom() + SLOT).expect("the arena is not at 0")
    }

    fn limit(&self) -> StackPointer {
        NonZeroUsize::new(self.bottom()).expect("the arena is not at 0")
    }
}

/// All stacks of a machine.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    made: usize,
    /// The end of the list is handed out next.
    free: Vec<SimStack>,
    used: usize,
    /// `true` if a driver was refused a stack in this cycle.
    lacked: bool,
    page_map: PageMap,
}

impl Stacks {
    /// A stack; `None` if too many threads live.
    pub(crate) fn take(&mut self) -> Option<SimStack> {
        let in_use = self.made - self.free.len();
        if in_use + RESERVED >= STACKS.len() / SLOT {
            self.lacked = true;
            return None;
        }
        self.any()
    }

    /// Returns `true` if a driver was refused a stack in this cycle.
    pub(crate) const fn lacked(&self) -> bool {
        self.lacked
    }

    /// A stack for what a cycle cannot do without.
    pub(crate) fn take_reserved(&mut self) -> SimStack {
        self.any().expect("a cycle needs few stacks of its own")
    }

    fn any(&mut self) -> Option<SimStack> {
        let stack = match self.free.pop() {
            Some(stack) => stack,
            None => self.make()?,
        };
        self.used = self.used.max(stack.0 + 1);
        Some(stack)
    }

    fn make(&mut self) -> Option<SimStack> {
        let stack = SimStack(self.made);
        if stack.bottom() + SLOT > STACKS.end {
            return None;
        }
        let usable = stack.bottom() + GUARD..stack.bottom() + SLOT;
        arena::protect(usable, Access::ReadWrite).ok()?;
        self.made += 1;
        Some(stack)
    }

    /// The word at `address`, if it is one of a stack.
    pub(crate) fn read(&self, address: usize) -> Option<u64> {
        let inside = STACKS.start..STACKS.start + self.made * SLOT;
        if !inside.contains(&address) || is_guard(address) || !address.is_multiple_of(8) {
            return None;
        }
        // SAFETY: all stacks that were made are accessible but for their guards,
        // and no reference to what is on them is made here.
        Some(unsafe { (address as *const u64).read() })
    }

    /// The accessible part of the stack that contains `address`.
    pub(crate) fn around(&self, address: usize) -> Option<Range<usize>> {
        let inside = STACKS.start..STACKS.start + self.made * SLOT;
        if !inside.contains(&address) || is_guard(address) {
            return None;
        }
        let bottom = address - (address - STACKS.start) % SLOT;
        Some(bottom + GUARD..bottom + SLOT)
    }

    /// Takes back a stack on which nothing runs any more.
    pub(crate) fn give_back(&mut self, stack: SimStack) {
        self.free.push(stack);
    }

    /// After a cycle: all stacks are back, empty, and handed out in the same
    /// order as the first time.
    pub(crate) fn reset(&mut self) {
        debug_assert_eq!(self.free.len(), self.made);
        watched::show_all();
        let used = STACKS.start..STACKS.start + self.used * SLOT;
        costs::measure(Kind::Clearing, || self.page_map.clear(&used));
        self.used = 0;
        self.lacked = false;
        self.free.sort_by_key(|stack| std::cmp::Reverse(stack.0));
    }
}

/// A thread with the stack at `bottom` runs from now on.
pub(crate) fn set_current(bottom: usize) {
    CURRENT.store(bottom, Ordering::Relaxed);
}

/// The address of the stack of the current thread.
pub(crate) fn current() -> usize {
    CURRENT.load(Ordering::Relaxed)
}

/// Returns `true` if an address is one of the current thread's stack.
pub(crate) fn is_current(address: usize) -> bool {
    address.wrapping_sub(current()) < SLOT
}

/// Runs `body` further down the stack.
#[inline(never)]
pub(crate) fn below_headroom(body: impl FnOnce()) {
    let room = [MaybeUninit::<u8>::uninit(); HEADROOM];
    black_box(&room);
    body();
    black_box(&room);
}

/// Returns `true` if `address` lies in the guard below a stack.
pub(crate) fn is_guard(address: usize) -> bool {
    STACKS.contains(&address) && (address - STACKS.start) % SLOT < GUARD
}

/// Returns `true` if a function can run with the stack pointer `rsp`.
pub(crate) fn has_room(rsp: usize) -> bool {
    /// More than the simulated kernel's functions need.
    const ROOM: usize = 32 << 10;
    STACKS.contains(&rsp) && (rsp - STACKS.start) % SLOT >= GUARD + ROOM
}
