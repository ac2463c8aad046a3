// SPDX-License-Identifier: MIT OR Apache-2.0

//! The latest accesses to each eight bytes of memory.

use std::collections::BTreeMap;
use std::ops::Range;

use hashbrown::HashMap;

use crate::hardware::accesses::AccessKind;
use crate::hardware::arena::{IMAGES, POOL, STACKS};
use crate::hardware::stack::SLOT;
use crate::scheduling::clocks::{Clocks, Epoch};
use crate::scheduling::{Scheduler, ThreadId};

/// The bytes that are looked at together.
const GRANULE: usize = 8;
/// The most accesses that are kept of one granule.
const MOST: usize = 12;
/// An access of more bytes is recorded as far as this.
const LONGEST: usize = 1 << 16;

/// What an access does to one granule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Loads an aligned word or a part of one.
    Load,
    /// The same, to store it again.
    Fetch,
    /// Stores one.
    Store,
    /// Loads one and stores another, in more than one step.
    Modify,
    /// The same in one step.
    Atomic,
    /// Reads more than can be read in one step.
    Read,
    /// Writes more than can be written in one step.
    Write,
}

impl Effect {
    const fn of(kind: AccessKind, is_whole: bool) -> Self {
        match (kind, is_whole) {
            (AccessKind::Load, true) => Self::Load,
            (AccessKind::Fetch, true) => Self::Fetch,
            (AccessKind::Store, true) => Self::Store,
            (AccessKind::Modify, true) => Self::Modify,
            (AccessKind::Atomic, _) => Self::Atomic,
            (AccessKind::Load | AccessKind::Fetch, false) => Self::Read,
            (AccessKind::Store | AccessKind::Modify, false) => Self::Write,
        }
    }

    pub(super) const fn writes(self) -> bool {
        !matches!(self, Self::Load | Self::Fetch | Self::Read)
    }

    /// Returns `true` if what comes before it is ordered before what finds its value.
    const fn releases(self) -> bool {
        matches!(self, Self::Store | Self::Modify | Self::Atomic)
    }

    /// Returns `true` if it is ordered behind what has stored the value that it finds.
    const fn acquires(self) -> bool {
        matches!(self, Self::Load | Self::Atomic)
    }

    /// Returns `true` if the two need an order.
    const fn conflicts(self, other: Self) -> bool {
        use Effect::{Atomic, Fetch, Load, Modify, Read, Store, Write};
        match (self, other) {
            (Load | Fetch | Read, Load | Fetch | Read)
            | (Load | Fetch | Store | Atomic, Load | Fetch | Store | Atomic)
            | (Load | Fetch, Modify)
            | (Modify, Load | Fetch) => false,
            (Modify | Read | Write, _) | (_, Modify | Read | Write) => true,
        }
    }
}

/// An access that is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) moment: Epoch,
    /// The number of the access.
    pub(super) serial: u64,
    /// The number of its instruction.
    pub(super) point: u32,
    /// Which bytes of the granule.
    mask: u8,
    pub(super) effect: Effect,
    /// The processor of a thread that it cannot leave.
    processor: Option<usize>,
}

/// An access that is about to happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present {
    pub(super) address: usize,
    pub(super) size: usize,
    pub(super) kind: AccessKind,
    pub(super) is_repeated: bool,
    pub(super) serial: u64,
    pub(super) point: u32,
}

impl Present {
    pub(super) fn effect(&self) -> Effect {
        let is_whole = !self.is_repeated
            && self.size <= GRANULE
            && self.size.is_power_of_two()
            && self.address.is_multiple_of(self.size);
        Effect::of(self.kind, is_whole)
    }
}

type Granules = HashMap<usize, Vec<Entry>>;

/// The accesses of a cycle.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    memory: Granules,
    /// Those to stacks, by stack.
    stacks: BTreeMap<usize, Granules>,
}

/// Returns `true` for memory of drivers.
pub(super) fn is_recorded(address: usize) -> bool {
    POOL.contains(&address) || IMAGES.contains(&address) || STACKS.contains(&address)
}

/// The granules of a range of memory, each with which of its bytes it is.
fn granules(start: usize, size: usize) -> impl Iterator<Item = (usize, u8)> {
    let end = start + size.min(LONGEST);
    (start / GRANULE..end.div_ceil(GRANULE)).map(move |granule| {
        let bytes = granule * GRANULE;
        let from = start.max(bytes) - bytes;
        let to = end.min(bytes + GRANULE) - bytes;
        let mask = (0xFF_u16 << from) & (0xFF_u16 >> (GRANULE - to));
        (granule, u8::try_from(mask).expect("it has eight bits"))
    })
}

impl Shadow {
    fn of(&mut self, granule: usize) -> &mut Granules {
        let address = granule * GRANULE;
        if STACKS.contains(&address) {
            let stack = (address - STACKS.start) / SLOT;
            return self.stacks.entry(stack).or_default();
        }
        &mut self.memory
    }

    /// Returns `true` if another thread has accessed the word at `address`.
    pub(super) fn is_shared(&mut self, address: usize, thread: ThreadId) -> bool {
        let granule = address / GRANULE;
        let entries = self.of(granule).get(&granule);
        let mut entries = entries.into_iter().flatten();
        entries.any(|entry| entry.moment.thread as usize != thread.0)
    }

    /// Records an access. Returns an earlier one that needs an order and has none.
    pub(super) fn record(
        &mut self,
        scheduling: &mut Scheduler,
        present: &Present,
    ) -> Option<Entry> {
        let thread = scheduling.current_id();
        let processor = scheduling.kept_processor();
        let effect = present.effect();
        let mut race = None;
        let mut moment = None;
        for (granule, mask) in granules(present.address, present.size) {
            let entries = self.of(granule).entry(granule).or_default();
            let clocks = &mut scheduling.clocks;
            for &entry in &*entries {
                if entry.mask & mask == 0 || entry.moment.thread as usize == thread.0 {
                    continue;
                }
                if clocks.is_before(entry.moment, thread) {
                    continue;
                }
                let excluded = processor.is_some() && processor == entry.processor;
                if effect.conflicts(entry.effect) && !excluded {
                    race = race.or(Some(entry));
                }
                if effect.acquires() && entry.effect.releases() {
                    clocks.acquire_moment(thread, entry.moment);
                }
            }
            // What it finds in all granules comes first.
            let moment = *moment.get_or_insert_with(|| {
                if effect.releases() {
                    clocks.release_moment(thread)
                } else {
                    clocks.now(thread)
                }
            });
            let new = Entry {
                moment,
                serial: present.serial,
                point: present.point,
                mask,
                effect,
                processor,
            };
            keep(entries, new, clocks, thread);
        }
        race
    }

    /// An access to a range of memory that is not ordered before what `thread` does now.
    pub(super) fn unordered(
        &self,
        memory: Range<usize>,
        clocks: &Clocks,
        thread: ThreadId,
    ) -> Option<(usize, Entry)> {
        granules(memory.start, memory.len()).find_map(|(granule, mask)| {
            let entries = self.memory.get(&granule)?.iter();
            let mut unordered = entries
                .filter(|entry| entry.mask & mask != 0 && !clocks.is_before(entry.moment, thread));
            let entry = unordered.next()?;
            let first = granule * GRANULE + entry.mask.trailing_zeros() as usize;
            Some((first, *entry))
        })
    }

    /// Another thread's stores to the word at `address` are ordered before what `thread`
    /// does next.
    pub(super) fn acquire(&self, address: usize, clocks: &mut Clocks, thread: ThreadId) {
        let entries = self.memory.get(&(address / GRANULE));
        for entry in entries.into_iter().flatten() {
            if entry.effect.releases() {
                clocks.acquire_moment(thread, entry.moment);
            }
        }
    }

    /// Forgets what was done to a range of memory.
    pub(super) fn forget(&mut self, start: usize, size: usize) {
        for granule in start / GRANULE..(start + size).div_ceil(GRANULE) {
            self.memory.remove(&granule);
        }
    }

    /// Forgets what was done to a stack, which another thread has now.
    pub(super) fn forget_stack(&mut self, address: usize) {
        self.stacks.remove(&((address - STACKS.start) / SLOT));
    }
}

/// Adds an access to those of a granule. What is ordered before a write of the same bytes
/// need not be kept: what is not ordered behind it is not ordered behind the write either.
fn keep(entries: &mut Vec<Entry>, new: Entry, clocks: &Clocks, thread: ThreadId) {
    entries.retain(|old| {
        let covered = old.mask & !new.mask == 0;
        let same = old.moment.thread == new.moment.thread && old.effect == new.effect;
        let replaced = new.effect.writes() && clocks.is_before(old.moment, thread);
        !(covered && (same || replaced && at_least(new.effect, old.effect)))
    });
    if entries.len() >= MOST {
        entries.remove(0);
    }
    entries.push(new);
}

/// Returns `true` if all that conflicts with `old` conflicts with `new`, too.
fn at_least(new: Effect, old: Effect) -> bool {
    const ALL: [Effect; 7] = [
        Effect::Load,
        Effect::Fetch,
        Effect::Store,
        Effect::Modify,
        Effect::Atomic,
        Effect::Read,
        Effect::Write,
    ];
    let mut all = ALL.into_iter();
    all.all(|other| !old.conflicts(other) || new.conflicts(other))
}
