// SPDX-License-Identifier: MIT OR Apache-2.0

//! Small blocks that share pages, in a cycle in which there are more than can have pages of
//! their own: each between bytes that are checked when it is freed. A page becomes
//! inaccessible once all of its blocks are freed.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use crate::hardware::arena::{self, Access, PAGE};
use crate::memory::placement::ALIGNMENT;

/// The most bytes of a block that shares its page.
pub(super) const MOST: usize = PAGE / 4;
/// What a block leaves free before it and behind it, at least.
const BEFORE: usize = 2 * ALIGNMENT;
const BEHIND: usize = ALIGNMENT;
/// How many pages are made accessible at once, with an inaccessible one behind them.
const STEP: usize = 64 * PAGE;

/// The pages that are shared.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// What is left of the page that is being filled.
    page: Range<usize>,
    /// The accessible pages behind it.
    rest: Range<usize>,
    /// The blocks in use of each page.
    in_use: BTreeMap<usize, usize>,
}

impl Crowd {
    /// What is reserved for a block of `size` bytes, in which it begins at [`start`]; `None`
    /// if its page is full.
    pub(super) fn take(&mut self, size: usize) -> Option<Range<usize>> {
        let length = BEFORE + size.next_multiple_of(ALIGNMENT) + BEHIND;
        while self.page.len() < length {
            if self.rest.is_empty() {
                return None;
            }
            let full = self.page.start / PAGE * PAGE;
            self.page = self.rest.start..self.rest.start + PAGE;
            self.rest.start += PAGE;
            self.close(full);
        }
        let first = self.page.start;
        self.page.start += length;
        *self.in_use.entry(first / PAGE * PAGE).or_default() += 1;
        Some(first..first + length)
    }

    /// Adds the next pages from `first` on, and returns what they are, with the guard; `None` if
    /// they end behind `limit`.
    pub(super) fn grow(&mut self, first: usize, limit: usize) -> io::Result<Option<Range<usize>>> {
        let end = first + STEP;
        if end + PAGE > limit {
            return Ok(None);
        }
        arena::open(first..end)?;
        self.rest = first..end;
        Ok(Some(first..end + PAGE))
    }

    /// A block is freed.
    pub(super) fn free(&mut self, room: &Range<usize>) {
        let page = room.start / PAGE * PAGE;
        if let Some(count) = self.in_use.get_mut(&page) {
            *count -= 1;
        }
        // More blocks may follow in the page that is being filled.
        if page != self.page.start / PAGE * PAGE {
            self.close(page);
        }
    }

    /// Makes a page inaccessible if none of its blocks is in use.
    fn close(&mut self, page: usize) {
        if self.in_use.get(&page) == Some(&0) {
            self.in_use.remove(&page);
            arena::protect(page..page + PAGE, Access::None).expect("its neighbours follow it");
        }
    }
}

/// Where the block begins that has this room.
pub(super) const fn start(room: &Range<usize>) -> usize {
    room.start + BEFORE
}

/// Returns `true` if this room is a part of a page.
pub(super) const fn is_shared(room: &Range<usize>) -> bool {
    !room.start.is_multiple_of(PAGE) || !room.end.is_multiple_of(PAGE)
}
