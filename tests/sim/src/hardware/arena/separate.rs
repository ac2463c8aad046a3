// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pages that are mappings of their own: the first pages of images and of pool.
//!
//! Linux keeps one record for neighbouring pages with the same protection and flags. To
//! protect a page in the middle splits it, to make it like its neighbours merges them,
//! and either costs several times as much as the protection itself. So every second page
//! gets a flag that does nothing here (`MADV_DONTDUMP`, no page of the arena is worth a
//! place in a core dump): neighbours never have the same flags, and never merge.
//!
//! These pages keep their memory from cycle to cycle. To clear them takes a fraction of what
//! the system takes to clear and map a fresh page.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{IMAGES, PAGE, POOL};

/// The first pages of a range of addresses.
struct Area {
    range: Range<usize>,
    /// The end of those that are mappings of their own.
    end: AtomicUsize,
}

/// A process can have 65,530 mappings: most are left to what lies behind.
static AREAS: [Area; 2] = [Area::new(IMAGES, 1024), Area::new(POOL, 4096)];

/// How many pages are prepared at once.
const STEP: usize = 64 * PAGE;

impl Area {
    const fn new(all: Range<usize>, pages: usize) -> Self {
        Self {
            range: all.start..all.start + pages * PAGE,
            end: AtomicUsize::new(all.start),
        }
    }

    fn end(&self) -> usize {
        self.end.load(Ordering::Relaxed)
    }

    /// Makes the pages before `end` mappings of their own, as far as there is room.
    fn extend(&self, end: usize) {
        while self.end() < end.min(self.range.end) {
            let next = self.end() + STEP;
            for page in (self.end()..next).step_by(2 * PAGE) {
                // SAFETY: the page is the arena's, and its content does not change.
                let result =
                    unsafe { libc::madvise(page as *mut libc::c_void, PAGE, libc::MADV_DONTDUMP) };
                if result != 0 {
                    return;
                }
            }
            self.end.store(next, Ordering::Relaxed);
        }
    }
}

fn area(pages: &Range<usize>) -> Option<&'static Area> {
    let mut areas = AREAS.iter();
    areas.find(|area| area.range.contains(&pages.start))
}

/// Makes `pages`, which are not in use, mappings of their own as far as there is room.
/// Returns those that may have a content.
pub(super) fn extend(pages: &Range<usize>) -> Range<usize> {
    let Some(area) = area(pages) else {
        return 0..0;
    };
    area.extend(pages.end);
    pages.start..pages.end.min(area.end())
}

/// The rest of `pages`, behind those that keep their memory.
pub(super) fn behind(pages: &Range<usize>) -> Range<usize> {
    let end = area(pages).map_or(pages.start, Area::end);
    end.clamp(pages.start, pages.end)..pages.end
}

/// The arena is gone.
pub(super) fn forget() {
    for area in &AREAS {
        area.end.store(area.range.start, Ordering::Relaxed);
    }
}
