// SPDX-License-Identifier: MIT OR Apache-2.0

//! The addresses of pool blocks. A block that fits on a page has a cell; larger blocks are
//! after the cells, each before an inaccessible page. Once there are as many blocks as cells,
//! small blocks share pages ([`Crowd`]). No address is used twice.
//!
//! # Limits
//!
//! Some cells, fewer than [`AHEAD`], are accessible before they have a block.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::hardware::arena::{self, CELL, CELLS, PAGE, POOL};
use crate::memory::crowd::Crowd;

/// The number of cells that one call makes accessible.
const AHEAD: usize = 8;

/// Where the blocks of a cycle lie, which have numbers.
#[derive(Debug)]
pub(super) struct Room {
    /// The block in each cell that is taken.
    cells: Vec<usize>,
    /// The end of the cells that are accessible.
    open: usize,
    /// The blocks outside the cells, by their first addresses.
    elsewhere: BTreeMap<usize, usize>,
    /// Where the next of these begins.
    next: usize,
    crowd: Crowd,
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            cells: Vec::new(),
            open: CELLS.start,
            elsewhere: BTreeMap::new(),
            next: CELLS.end,
            crowd: Crowd::default(),
        }
    }

    /// Makes all pages inaccessible, for the next cycle; `is_in_use` says of a block whether
    /// it was not freed.
    pub(super) fn recycle(&self, is_in_use: impl Fn(usize) -> bool) {
        let cells = (CELLS.start..self.open).step_by(CELL).enumerate();
        for (number, cell) in cells {
            if self.cells.get(number).is_none_or(|&block| is_in_use(block)) {
                arena::close_cell(cell);
            }
        }
        arena::recycle(CELLS.end..self.next);
    }

    /// Returns new pages for a block of `size` bytes with this number, or a part of a page if the
    /// block `may_share`, or `None` if there are none before `limit`.
    pub(super) fn take(
        &mut self,
        size: usize,
        may_share: bool,
        limit: usize,
        block: usize,
    ) -> Option<Range<usize>> {
        if size <= PAGE
            && let Some(cell) = self.next_cell()
        {
            self.cells.push(block);
            return Some(cell..cell + PAGE);
        }
        if may_share {
            let room = self.share(size, limit)?;
            self.elsewhere.insert(room.start, block);
            return Some(room);
        }
        let length = size.max(1).checked_next_multiple_of(PAGE)?;
        let first = self.next;
        let end = first.checked_add(length)?;
        // The page behind it stays inaccessible.
        let next = end.checked_add(PAGE).filter(|&next| next <= limit)?;
        arena::open(first..end).ok()?;
        self.next = next;
        self.elsewhere.insert(first, block);
        Some(first..end)
    }

    /// Returns a part of a page for a block of `size` bytes.
    fn share(&mut self, size: usize, limit: usize) -> Option<Range<usize>> {
        if let Some(room) = self.crowd.take(size) {
            return Some(room);
        }
        let new = self.crowd.grow(self.next, limit).ok()??;
        self.next = new.end;
        self.crowd.take(size)
    }

    /// Frees the room of a block that shares its page.
    pub(super) fn leave(&mut self, room: &Range<usize>) {
        self.crowd.free(room);
    }

    /// A cell that is accessible and not taken.
    fn next_cell(&mut self) -> Option<usize> {
        let cell = CELLS.start + self.cells.len() * CELL;
        if cell == self.open {
            let end = (cell + AHEAD * CELL).min(CELLS.end);
            if cell == end || arena::open_cells(cell..end).is_err() {
                return None;
            }
            self.open = end;
        }
        Some(cell)
    }

    /// The block with these pages, or the last one before them.
    pub(super) fn block_at(&self, address: usize) -> Option<usize> {
        if CELLS.contains(&address) {
            let cell = (address - CELLS.start) / CELL;
            return self.cells.get(cell).copied();
        }
        debug_assert!(!POOL.contains(&address) || address >= CELLS.end);
        let mut before = self.elsewhere.range(..=address);
        before.next_back().map(|(_, &block)| block)
    }
}
