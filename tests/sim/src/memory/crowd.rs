// SPDX-License-Identifier: MIT OR Apache-2.0

//! Small blocks that share pages, in a cycle with more blocks than can have separate pages. The
//! bytes around each block are checked when it is freed. A page becomes inaccessible once all
//! of its blocks have been freed.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use crate::hardware::arena::{self, Access, PAGE};
use crate::memory::placement::ALIGNMENT;

/// The maximum size of a block that shares its page.
pub(super) const MOST: usize = PAGE / 4;
/// The minimum number of free bytes before and after a block.
const BEFORE: usize = 2 * ALIGNMENT;
const BEHIND: usize = ALIGNMENT;
/// The size of the pages that are made accessible at once, before an inaccessible page.
const STEP: usize = 64 * PAGE;

/// The shared pages.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// The free part of the page that is being filled.
    page: Range<usize>,
    /// The accessible pages after that page.
    rest: Range<usize>,
    /// The number of blocks in use on each page.
    in_use: BTreeMap<usize, usize>,
}

impl Crowd {
    /// Reserves room for a block of `size` bytes, which begins at [`start`] in that room. Returns
    /// `None` if the page is full.
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

    /// Adds the next pages from `first` on. Returns them with their guard page, or `None` if they
    /// would end after `limit`.
    pub(super) fn grow(&mut self, first: usize, limit: usize) -> io::Result<Option<Range<usize>>> {
        let end = first + STEP;
        if end + PAGE > limit {
            return Ok(None);
        }
        arena::open(first..end)?;
        self.rest = first..end;
        Ok(Some(first..end + PAGE))
    }

    /// Frees the room of a block.
    pub(super) fn free(&mut self, room: &Range<usize>) {
        let page = room.start / PAGE * PAGE;
        if let Some(count) = self.in_use.get_mut(&page) {
            *count -= 1;
        }
        // The page that is being filled may get more blocks.
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

/// Returns the start of the block in this room.
pub(super) const fn start(room: &Range<usize>) -> usize {
    room.start + BEFORE
}

/// Returns `true` if this room is part of a shared page.
pub(super) const fn is_shared(room: &Range<usize>) -> bool {
    !room.start.is_multiple_of(PAGE) || !room.end.is_multiple_of(PAGE)
}
