// SPDX-License-Identifier: MIT OR Apache-2.0

//! The properties of pool that are not guaranteed, drawn for each cycle: the alignment of a
//! block beyond 16 bytes, whether a block ends or begins at an inaccessible page, whether the
//! memory of a freed block is reused soon, and the contents of memory that is not zeroed on
//! request.
//!
//! In most cycles a block ends where its page ends, a freed one stays inaccessible, and
//! fresh memory has one pattern: that shows most defects at the very instruction.

use std::collections::BTreeMap;
use std::ops::Range;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::hardware::arena::PAGE;

/// The alignment that the pool promises of a block that is smaller than a page.
pub(crate) const ALIGNMENT: usize = 16;
/// The contents of memory that is not zeroed on request, unless other contents are drawn.
pub(crate) const PATTERN: u8 = 0xCD;
/// One in `RARITY` cycles has each of the rarer properties.
const RARITY: u32 = 4;

/// The properties of pool in a cycle.
#[derive(Debug)]
pub(crate) struct Placement {
    /// `true` if no block is aligned to more than [`ALIGNMENT`].
    least_aligned: bool,
    /// `true` if blocks begin at the beginning of their pages instead of ending at their end.
    at_start: bool,
    /// The freed blocks that may be reused, by length, the latest first; `None` if blocks are not
    /// reused.
    freed: Option<BTreeMap<usize, Vec<usize>>>,
    /// `true` if new memory contains random data.
    any_content: bool,
    random: ChaCha8Rng,
}

impl Placement {
    pub(crate) fn new(mut random: ChaCha8Rng) -> Self {
        let mut is_drawn = || random.random_ratio(1, RARITY);
        let (least_aligned, reuses, any_content) = (is_drawn(), is_drawn(), is_drawn());
        let at_start = is_drawn();
        Self {
            least_aligned,
            at_start,
            freed: reuses.then(BTreeMap::new),
            any_content,
            random,
        }
    }

    /// Where a block of `size` bytes begins, which is smaller than its page, at a multiple of
    /// `alignment`.
    pub(super) const fn start(&self, page: &Range<usize>, size: usize, alignment: usize) -> usize {
        let length = length(size).next_multiple_of(alignment);
        let gap = if self.least_aligned { alignment } else { 0 };
        if self.at_start && gap + length <= PAGE {
            return page.start + gap;
        }
        let last = page.end - length;
        if self.least_aligned && last.is_multiple_of(2 * alignment) && length < PAGE {
            last - alignment
        } else {
            last
        }
    }

    /// Returns `true` if freed blocks may be used again.
    pub(super) const fn reuses(&self) -> bool {
        self.freed.is_some()
    }

    /// Records that a block of `size` bytes was freed, and that nothing remembers it.
    pub(super) fn free(&mut self, block: usize, size: usize) {
        if let Some(freed) = &mut self.freed {
            freed.entry(length(size)).or_default().push(block);
        }
    }

    /// The freed block that one of `size` bytes takes the place of.
    pub(super) fn reuse(&mut self, size: usize) -> Option<usize> {
        let same = self.freed.as_mut()?.get_mut(&length(size))?;
        if same.is_empty() || self.random.random_ratio(1, RARITY) {
            return None;
        }
        same.pop()
    }

    /// Fills memory that was not asked to be zero; `reused` memory may keep its content.
    pub(super) fn fill(&mut self, memory: &mut [u8], reused: bool) {
        if !self.any_content {
            memory.fill(PATTERN);
        } else if !reused {
            fill_with_anything(memory, &mut self.random);
        }
    }
}

/// Fills memory with zeros, with random bytes, or with such numbers as others may have left
/// there: a flag that is read too early is rarely false, and a length rarely small, in random
/// bytes.
fn fill_with_anything(memory: &mut [u8], random: &mut ChaCha8Rng) {
    match random.random_range(0..3) {
        0 => memory.fill(0),
        1 => random.fill(memory),
        _ => {
            for word in memory.chunks_mut(size_of::<u32>()) {
                let number: u32 = match random.random_range(0..3) {
                    0 => 0,
                    1 => random.random_range(1..=16),
                    _ => random.random(),
                };
                word.copy_from_slice(&number.to_le_bytes()[..word.len()]);
            }
        }
    }
}

/// What a block of `size` bytes takes.
const fn length(size: usize) -> usize {
    let size = if size == 0 { 1 } else { size };
    size.next_multiple_of(ALIGNMENT)
}
