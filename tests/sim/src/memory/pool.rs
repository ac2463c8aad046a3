// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pool like Driver Verifier's special pool: every block has separate pages.
//!
//! A block ends at an inaccessible page, and is inaccessible once it has been freed, so that
//! overruns and uses after the free fault at that instruction. Addresses are not reused within
//! a cycle, except in the few cycles for which [`Placement`] draws that.
//!
//! # Limits
//!
//! Each block with separate pages takes two mappings of the process, of which Linux allows
//! 65,530. Drivers get half of them and most of the addresses. In a cycle with more than 2,048
//! blocks, those of up to 1 KiB share pages: a write beside a block is found when the block is
//! freed, and a use after the free only once all blocks of the page have been freed.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::hardware::arena::{self, Access, PAGE, POOL};
use crate::loader::drivers::{DriverId, Site};
use crate::memory::crowd;
use crate::memory::placement::{ALIGNMENT, Placement};
use crate::memory::room::Room;

/// What lies between a block's end and its page's.
const SLACK: u8 = 0xFD;
/// The number of bytes before a driver's block that are filled like the slack after it, and checked
/// when the block is freed.
const MARGIN: usize = 64;
/// The maximum number of blocks in use with separate pages. Beyond it, allocating such a block
/// fails.
const MOST_BLOCKS: usize = 16 << 10;
/// The maximum number of blocks in use that share pages.
const MOST_SHARED: usize = 256 << 10;
/// The end of the range for allocations.
const LIMIT: usize = POOL.end - (POOL.end - POOL.start) / 16;

/// One allocation of the cycle.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) start: usize,
    pub(crate) size: usize,
    pub(crate) tag: u32,
    /// The code that allocated it; `None` for the simulated kernel itself.
    pub(crate) owner: Option<Site>,
    pub(crate) hold: Hold,
    /// The code that freed the previous block at this address.
    former: Option<Site>,
    /// The room of the block: pages, or a part of one.
    room: Range<usize>,
}

/// Whether a block is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    InUse,
    /// By whom; none for the simulated kernel itself.
    Freed(Option<Site>),
}

impl Block {
    /// The separate pages of the block, if it has any.
    pub(crate) fn own_pages(&self) -> Option<Range<usize>> {
        (!crowd::is_shared(&self.room)).then(|| self.room.clone())
    }

    /// The code that freed this block of another driver after it had freed the previous block at
    /// this address.
    pub(crate) fn freed_late_by(&self) -> Option<Site> {
        let (Hold::Freed(Some(by)), Some(owner), Some(former)) =
            (self.hold, self.owner, self.former)
        else {
            return None;
        };
        (by.driver != owner.driver && by.driver == former.driver).then_some(by)
    }

    /// Where it ends.
    pub(crate) const fn end(&self) -> usize {
        self.start + self.size
    }

    /// The bytes before a driver's block.
    fn margin(&self) -> Range<usize> {
        let first = self.room.start.max(self.start.saturating_sub(MARGIN));
        if self.owner.is_some() {
            first..self.start
        } else {
            self.start..self.start
        }
    }

    /// The address that was written outside of it, if one was.
    fn written(&self) -> Result<(), FreeError> {
        let is_other = |&byte: &u8| byte != SLACK;
        if let Some(distance) = self.slack().iter().position(is_other) {
            return Err(FreeError::Overrun(self.start + self.size + distance));
        }
        let margin = self.margin();
        // SAFETY: the block is not freed, so its pages are readable, and the reference does not
        // outlive this look.
        let before = unsafe { std::slice::from_raw_parts(margin.start as *const u8, margin.len()) };
        match before.iter().rposition(is_other) {
            Some(distance) => Err(FreeError::Underrun(margin.start + distance)),
            None => Ok(()),
        }
    }

    /// The bytes between the end of the block and the end of its room.
    fn slack(&self) -> &[u8] {
        let end = self.start + self.size;
        let length = self.room.end - end;
        // SAFETY: the block is not freed, so its pages are readable, and no
        // reference outlives the caller's short look.
        unsafe { std::slice::from_raw_parts(end as *const u8, length) }
    }
}

/// Why a block cannot be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FreeError {
    /// No block starts there.
    NoBlock,
    /// It was freed before.
    Freed,
    /// It has another tag.
    Tag(u32),
    /// Something was written behind its end, at this address first.
    Overrun(usize),
    /// Something was written before its start, at this address last.
    Underrun(usize),
}

impl FreeError {
    /// The address outside of the block that was written, and where that is.
    pub(crate) const fn written(self) -> Option<(usize, &'static str)> {
        match self {
            Self::Overrun(at) => Some((at, "beyond its end")),
            Self::Underrun(at) => Some((at, "before its start")),
            Self::NoBlock | Self::Freed | Self::Tag(_) => None,
        }
    }
}

/// The pool when an allocation failed for want of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhaustion {
    /// The blocks that drivers had, and their bytes.
    blocks: usize,
    bytes: usize,
    /// The place that allocated most of the bytes.
    pub(crate) by: Site,
}

impl fmt::Display for Exhaustion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} blocks of pool, {} KiB, were in use, and no more were left",
            self.blocks,
            self.bytes >> 10
        )
    }
}

/// The pool of one cycle.
#[derive(Debug)]
pub(crate) struct Pool {
    /// In the order in which they were allocated.
    blocks: Vec<Block>,
    /// The number of blocks in use with separate pages.
    in_use: usize,
    /// The number of blocks in use that share pages.
    shared: usize,
    room: Room,
    exhaustion: Option<Exhaustion>,
    placement: Placement,
}

impl Pool {
    pub(crate) fn new(placement: Placement) -> Self {
        Self {
            blocks: Vec::new(),
            in_use: 0,
            shared: 0,
            room: Room::new(),
            exhaustion: None,
            placement,
        }
    }

    /// Makes all of it inaccessible: the cycle is over.
    pub(crate) fn recycle(&self) {
        let blocks = &self.blocks;
        self.room.recycle(|block| blocks[block].hold == Hold::InUse);
    }

    /// The address of a new block; `None` if no memory is left.
    pub(crate) fn allocate(
        &mut self,
        size: usize,
        tag: u32,
        zeroed: bool,
        owner: Option<Site>,
    ) -> Option<usize> {
        self.allocate_aligned((size, ALIGNMENT), tag, zeroed, owner)
    }

    /// The same for one that begins at a multiple of a number.
    pub(crate) fn allocate_aligned(
        &mut self,
        (size, alignment): (usize, usize),
        tag: u32,
        zeroed: bool,
        owner: Option<Site>,
    ) -> Option<usize> {
        let block = self.take((size, alignment), tag, zeroed, owner, LIMIT);
        // No pool has room for a block that is larger than itself.
        if block.is_none() && size < LIMIT - POOL.start {
            self.exhaustion = self.exhaustion.or_else(|| self.used_up());
        }
        block
    }

    /// How the pool was used up, if it was.
    pub(crate) const fn exhaustion(&self) -> Option<Exhaustion> {
        self.exhaustion
    }

    fn used_up(&self) -> Option<Exhaustion> {
        let mut by: BTreeMap<_, usize> = BTreeMap::new();
        let (mut blocks, mut bytes) = (0, 0);
        for block in &self.blocks {
            let (Hold::InUse, Some(owner)) = (block.hold, block.owner) else {
                continue;
            };
            blocks += 1;
            bytes += block.size;
            *by.entry((owner.driver, owner.offset)).or_default() += block.size;
        }
        let ((driver, offset), _) = by.into_iter().max_by_key(|(_, bytes)| *bytes)?;
        Some(Exhaustion {
            blocks,
            bytes,
            by: Site { driver, offset },
        })
    }

    /// The address of a new, zeroed block that the simulated kernel itself
    /// cannot do without.
    pub(crate) fn reserve(&mut self, size: usize, tag: u32) -> usize {
        self.take((size, ALIGNMENT), tag, true, None, POOL.end)
            .expect("a cycle needs little memory of its own")
    }

    fn take(
        &mut self,
        (size, alignment): (usize, usize),
        tag: u32,
        zeroed: bool,
        owner: Option<Site>,
        limit: usize,
    ) -> Option<usize> {
        let reused = owner.and_then(|_| self.placement.reuse(size));
        let room = if let Some(index) = reused {
            let room = self.blocks[index].room.clone();
            arena::protect(room.clone(), Access::ReadWrite).ok()?;
            room
        } else {
            let is_drivers = owner.is_some();
            let may_share = is_drivers && alignment <= ALIGNMENT && size <= crowd::MOST;
            let is_full = if may_share {
                self.shared >= MOST_SHARED
            } else {
                self.in_use >= MOST_BLOCKS
            };
            if is_drivers && is_full {
                return None;
            }
            self.room.take(size, may_share, limit, self.blocks.len())?
        };
        let is_shared = crowd::is_shared(&room);
        self.in_use += usize::from(!is_shared);
        self.shared += usize::from(is_shared);

        let start = if is_shared {
            crowd::start(&room)
        } else if size >= PAGE {
            room.start
        } else if owner.is_some() {
            self.placement.start(&room, size, alignment)
        } else {
            room.end - size.max(1).next_multiple_of(ALIGNMENT)
        };
        let block = Block {
            start,
            size,
            tag,
            owner,
            hold: Hold::InUse,
            former: reused.and_then(|index| match self.blocks[index].hold {
                Hold::Freed(by) => by,
                Hold::InUse => None,
            }),
            room,
        };
        // SAFETY: the block lies within its room, which are writable and nobody's yet.
        let memory = unsafe { std::slice::from_raw_parts_mut(start as *mut u8, size) };
        if !zeroed {
            self.placement.fill(memory, reused.is_some());
        } else if reused.is_some() {
            memory.fill(0);
        }
        let slack = block.room.end - start - size;
        // SAFETY: the slack lies behind the block, in its room.
        unsafe { std::ptr::write_bytes((start + size) as *mut u8, SLACK, slack) };
        let margin = block.margin();
        // SAFETY: the margin lies before the block, in its room.
        unsafe { std::ptr::write_bytes(margin.start as *mut u8, SLACK, margin.len()) };
        match reused {
            Some(index) => self.blocks[index] = block,
            None => self.blocks.push(block),
        }
        Some(start)
    }

    /// Lets a new block take the place of the one at `start`, which was freed, if blocks
    /// do so in this cycle: nothing may remember it.
    pub(crate) fn offer(&mut self, start: usize) {
        if let Some(index) = self.starting_at(start)
            && !crowd::is_shared(&self.blocks[index].room)
        {
            let size = self.blocks[index].size;
            self.placement.free(index, size);
        }
    }

    /// Returns `true` if the memory of freed blocks is used again in this cycle.
    pub(crate) const fn reuses(&self) -> bool {
        self.placement.reuses()
    }

    /// Frees the block at `start`; with a tag that is not 0 it must match.
    pub(crate) fn free(
        &mut self,
        start: usize,
        tag: u32,
        by: Option<Site>,
    ) -> Result<(), FreeError> {
        let index = self.starting_at(start).ok_or(FreeError::NoBlock)?;
        let block = &mut self.blocks[index];
        if block.hold != Hold::InUse {
            return Err(FreeError::Freed);
        }
        if tag != 0 && tag != block.tag {
            return Err(FreeError::Tag(block.tag));
        }
        block.written()?;
        block.hold = Hold::Freed(by);
        if crowd::is_shared(&block.room) {
            // SAFETY: the block was in use, so its memory is writable; it is nobody's now.
            unsafe { std::ptr::write_bytes(block.start as *mut u8, SLACK, block.size) };
            self.shared -= 1;
            self.room.leave(&block.room);
        } else {
            self.in_use -= 1;
            arena::protect(block.room.clone(), Access::None).expect("freeing splits no mapping");
        }
        Ok(())
    }

    /// Transfers a driver's block at `start` to the kernel. Returns `false` if there is no such
    /// block.
    pub(crate) fn disown(&mut self, start: usize) -> bool {
        let Some(index) = self.starting_at(start) else {
            return false;
        };
        let block = &mut self.blocks[index];
        let is_drivers = block.hold == Hold::InUse && block.owner.is_some();
        if is_drivers {
            block.owner = None;
        }
        is_drivers
    }

    /// Returns the block that contains `address`, or the last block whose room begins before it, if
    /// that room ends less than a page before it.
    pub(crate) fn near(&self, address: usize) -> Option<&Block> {
        let block = &self.blocks[self.room.block_at(address)?];
        (address < block.room.end + PAGE).then_some(block)
    }

    /// The block that starts at `address`.
    fn starting_at(&self, address: usize) -> Option<usize> {
        let block = self.room.block_at(address)?;
        (self.blocks[block].start == address).then_some(block)
    }

    /// What a driver has not freed.
    pub(crate) fn held_by(&self, driver: DriverId) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(move |block| {
            block.hold == Hold::InUse && block.owner.is_some_and(|owner| owner.driver == driver)
        })
    }
}

/// A tag as its four characters.
pub(crate) fn tag_text(tag: u32) -> String {
    tag.to_le_bytes()
        .iter()
        .map(|&byte| {
            if byte.is_ascii_graphic() {
                char::from(byte)
            } else {
                '.'
            }
        })
        .collect()
}
