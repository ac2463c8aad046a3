// SPDX-License-Identifier: MIT OR Apache-2.0

//! A table that grows in chunks, so that its elements never move, and that detects
//! stale keys. A slot whose keys are used up is retired.
//!
//! It grows only in [`Slab::reserve`], which is where it can fail.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::handle::{SLOTS, USES};

const CHUNK: usize = 64;
/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

/// Out of memory, or of slots that a handle can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

/// A slot, and which of its uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) slot: u32,
    pub(crate) turn: u32,
}

/// Why there is nothing under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StaleKey {
    /// It has been removed.
    Past,
    /// It was never there.
    Future,
}

#[repr(align(64))]
struct Slot<T> {
    turn: u32,
    /// Whether its last turns ended by [`Slab::remove_marked`], a bit each, the
    /// last one's lowest.
    marks: u64,
    next_free: u32,
    value: Option<T>,
}

type Chunk<T> = [Slot<T>; CHUNK];

/// The table.
pub(crate) struct Slab<T> {
    chunks: Vec<Box<Chunk<T>>>,
    free: u32,
    spare: u32,
}

impl<T> Slab<T> {
    /// The bytes of a slot.
    pub(crate) const SLOT: usize = size_of::<Slot<T>>();

    pub(crate) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: NONE,
            spare: 0,
        }
    }

    /// Makes room for `count` more values.
    pub(crate) fn reserve(&mut self, count: u32) -> Result<(), Exhausted> {
        let used = (self.chunks.len() * CHUNK) as u64 - u64::from(self.spare);
        if used + u64::from(count) > u64::from(SLOTS) {
            return Err(Exhausted);
        }
        while self.spare < count {
            self.grow()?;
        }
        Ok(())
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "SLOTS, which fits, is the limit"
    )]
    fn grow(&mut self) -> Result<(), Exhausted> {
        let base = self.chunks.len() * CHUNK;
        self.chunks.try_reserve(1).map_err(|_| Exhausted)?;
        let mut chunk = Vec::new();
        chunk.try_reserve_exact(CHUNK).map_err(|_| Exhausted)?;
        let end = (base + CHUNK) as u32;
        for next in base as u32 + 1..=end {
            chunk.push(Slot {
                turn: 1,
                marks: 0,
                next_free: if next == end { self.free } else { next },
                value: None,
            });
        }
        let chunk = chunk.into_boxed_slice().try_into();
        self.chunks.push(chunk.map_err(|_wrong_length| Exhausted)?);
        self.free = base as u32;
        self.spare += CHUNK as u32;
        Ok(())
    }

    #[inline]
    fn slot(&self, slot: u32) -> Option<&Slot<T>> {
        self.chunks
            .get(slot as usize / CHUNK)
            .map(|chunk| &chunk[slot as usize % CHUNK])
    }

    #[inline]
    fn slot_mut(&mut self, slot: u32) -> &mut Slot<T> {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    /// The slot of the next value to be stored.
    pub(crate) const fn next_slot(&self) -> u32 {
        self.free
    }

    /// Stores `value` where [`reserve`](Self::reserve) made room.
    pub(crate) fn insert(&mut self, value: T) -> Key {
        let slot = self.free;
        let entry = self.slot_mut(slot);
        entry.value = Some(value);
        let (next, turn) = (entry.next_free, entry.turn);
        self.free = next;
        self.spare -= 1;
        Key { slot, turn }
    }

    /// Takes the value in `slot` away and makes its keys old.
    pub(crate) fn remove(&mut self, slot: u32) -> T {
        self.end_turn(slot, false)
    }

    /// As [`remove`](Self::remove), in a way that
    /// [`was_marked`](Self::was_marked) remembers.
    pub(crate) fn remove_marked(&mut self, slot: u32) -> T {
        self.end_turn(slot, true)
    }

    fn end_turn(&mut self, slot: u32, marked: bool) -> T {
        let free = self.free;
        let entry = self.slot_mut(slot);
        let value = entry.value.take().expect("only what is there is removed");
        entry.turn += 1;
        entry.marks = entry.marks << 1 | u64::from(marked);
        if entry.turn <= USES {
            entry.next_free = free;
            self.free = slot;
            self.spare += 1;
        }
        value
    }

    /// Returns `true` if what `key` named went by
    /// [`remove_marked`](Self::remove_marked), if it was one of the last 64 in
    /// its slot.
    pub(crate) fn was_marked(&self, key: Key) -> bool {
        self.slot(key.slot).is_some_and(|entry| {
            let age = entry.turn.checked_sub(key.turn + 1);
            age.and_then(|age| entry.marks.checked_shr(age))
                .is_some_and(|marks| marks & 1 == 1)
        })
    }

    /// What `key` names.
    #[inline]
    pub(crate) fn find(&self, key: Key) -> Result<&T, StaleKey> {
        match self.slot(key.slot) {
            Some(Slot {
                turn,
                value: Some(value),
                ..
            }) if *turn == key.turn => Ok(value),
            Some(entry) if key.turn != 0 && key.turn < entry.turn => Err(StaleKey::Past),
            _ => Err(StaleKey::Future),
        }
    }

    /// The key of what is in `slot`.
    pub(crate) fn key(&self, slot: u32) -> Key {
        let turn = self.slot(slot).map_or(0, |entry| entry.turn);
        Key { slot, turn }
    }

    /// What is in `slot`, which holds something.
    #[inline]
    pub(crate) fn at(&self, slot: u32) -> &T {
        self.slot(slot)
            .and_then(|entry| entry.value.as_ref())
            .expect("a linked slot holds a value")
    }

    /// What is in `slot`, which holds something.
    #[inline]
    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut T {
        self.slot_mut(slot)
            .value
            .as_mut()
            .expect("a linked slot holds a value")
    }

    /// All values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.iter())
            .filter_map(|slot| slot.value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_is_known_as_old() {
        let mut slab = Slab::new();
        slab.reserve(1).unwrap();
        let first = slab.insert('a');
        assert_eq!(slab.find(first), Ok(&'a'));
        assert_eq!(slab.remove(first.slot), 'a');
        assert_eq!(slab.find(first), Err(StaleKey::Past));
        let second = slab.insert('b');
        assert_eq!(second.slot, first.slot);
        assert_eq!(slab.find(first), Err(StaleKey::Past));
        assert_eq!(slab.find(second), Ok(&'b'));
        let never = Key {
            turn: second.turn + 1,
            ..second
        };
        assert_eq!(slab.find(never), Err(StaleKey::Future));
        let beyond = Key {
            slot: 4096,
            turn: 1,
        };
        assert_eq!(slab.find(beyond), Err(StaleKey::Future));
    }

    #[test]
    fn it_grows_past_a_chunk_and_reuses_what_it_has() {
        let mut slab = Slab::new();
        slab.reserve(200).unwrap();
        let keys: Vec<Key> = (0..200).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.iter().count(), 200);
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(*slab.at(key.slot), n);
        }
        for key in &keys {
            slab.remove(key.slot);
        }
        let chunks = slab.chunks.len();
        slab.reserve(200).unwrap();
        assert_eq!(slab.chunks.len(), chunks);
        assert_eq!(slab.iter().count(), 0);
    }

    #[test]
    fn a_slot_whose_keys_are_used_up_is_not_used_again() {
        let mut slab = Slab::new();
        slab.reserve(1).unwrap();
        let first = slab.free;
        slab.slot_mut(first).turn = USES;
        let last = slab.insert('a');
        slab.remove(last.slot);
        assert_eq!(slab.find(last), Err(StaleKey::Past));
        slab.reserve(64).unwrap();
        for _ in 0..64 {
            assert_ne!(slab.insert('b').slot, last.slot);
        }
    }

    #[test]
    fn it_remembers_how_a_slot_was_left() {
        let mut slab = Slab::new();
        slab.reserve(1).unwrap();
        let marked = slab.insert('a');
        slab.remove_marked(marked.slot);
        let plain = slab.insert('b');
        slab.remove(plain.slot);
        assert_eq!(plain.slot, marked.slot);
        assert!(slab.was_marked(marked));
        assert!(!slab.was_marked(plain));
    }

    #[test]
    fn it_refuses_more_than_handles_can_name() {
        assert_eq!(Slab::<()>::new().reserve(u32::MAX), Err(Exhausted));
    }
}
