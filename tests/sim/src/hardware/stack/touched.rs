// SPDX-License-Identifier: MIT OR Apache-2.0

//! The pages of stacks that threads have touched, as Linux knows them
//! (`/proc/self/pagemap`): they are cleared and stay with the process, which takes a fifth
//! of the time of giving them back and touching fresh ones.

use std::cell::OnceCell;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::ptr;

use super::{GUARD, SLOT};
use crate::hardware::arena::{self, PAGE};

/// The length of an entry, which is a number.
const ENTRY: usize = size_of::<u64>();
/// A page has a content if it is in memory or swapped out.
const HAS_CONTENT: u64 = 0b11 << 62;
/// What stays of a stack; more is touched by few.
const KEPT: usize = 64 << 10;

/// A reader of the map of the process's pages.
#[derive(Debug, Default)]
pub(super) struct PageMap {
    /// `None` where the system has none for this process.
    file: OnceCell<Option<File>>,
    entries: Vec<u8>,
}

impl PageMap {
    /// Clears whole stacks, on which nothing runs.
    pub(super) fn clear(&mut self, stacks: &Range<usize>) {
        if self.read(stacks).is_none() {
            arena::discard(stacks.clone());
            return;
        }
        let all = stacks.clone().step_by(SLOT);
        for (bottom, entries) in all.zip(self.entries.chunks(SLOT / PAGE * ENTRY)) {
            let kept = bottom + SLOT - KEPT;
            let mut is_deep = false;
            for (page, entry) in (bottom..).step_by(PAGE).zip(entries.chunks_exact(ENTRY)) {
                let entry = u64::from_ne_bytes(entry.try_into().expect("it is a chunk"));
                if entry & HAS_CONTENT == 0 {
                    continue;
                }
                if page < kept {
                    is_deep = true;
                } else {
                    // SAFETY: it is a page of a stack above its guard, on which nothing
                    // runs, by this function's contract.
                    unsafe { ptr::write_bytes(page as *mut u8, 0, PAGE) };
                }
            }
            if is_deep {
                arena::discard(bottom + GUARD..kept);
            }
        }
    }

    fn read(&mut self, pages: &Range<usize>) -> Option<()> {
        let open = || File::open("/proc/self/pagemap").ok();
        let file = self.file.get_or_init(open).as_ref()?;
        self.entries.resize(pages.len() / PAGE * ENTRY, 0);
        let at = u64::try_from(pages.start / PAGE * ENTRY).ok()?;
        file.read_exact_at(&mut self.entries, at).ok()
    }
}
