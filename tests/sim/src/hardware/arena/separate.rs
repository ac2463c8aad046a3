// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pages that are mappings of their own: the first pages of images.
//!
//! Linux keeps one record for neighbouring pages with the same protection and flags. To
//! protect a page in the middle splits it, to make it like its neighbours merges them,
//! and either costs several times as much as the protection itself. So every second page
//! gets a flag that does nothing here (`MADV_DONTDUMP`, no page of the arena is worth a
//! place in a core dump): neighbours never have the same flags, and never merge.
//!
//! These pages keep their memory from cycle to cycle.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{IMAGES, PAGE};

/// Where mappings of their own may be. A process can have 65,530 mappings: most are left to
/// what lies behind.
const ALL: Range<usize> = IMAGES.start..IMAGES.start + 1024 * PAGE;

/// How many bytes are prepared at once.
const STEP: usize = 64 * PAGE;

/// The end of the pages that are mappings of their own.
static END: AtomicUsize = AtomicUsize::new(ALL.start);

fn end() -> usize {
    END.load(Ordering::Relaxed)
}

/// Makes `pages` of images, which are not in use, mappings of their own as far as there is
/// room.
pub(super) fn extend(pages: &Range<usize>) {
    while end() < pages.end.min(ALL.end) {
        let next = end() + STEP;
        for page in (end()..next).step_by(2 * PAGE) {
            // SAFETY: the page is the arena's, and its content does not change.
            let result =
                unsafe { libc::madvise(page as *mut libc::c_void, PAGE, libc::MADV_DONTDUMP) };
            if result != 0 {
                return;
            }
        }
        END.store(next, Ordering::Relaxed);
    }
}

/// The rest of `pages` of images, behind those that keep their memory.
pub(super) fn behind(pages: &Range<usize>) -> Range<usize> {
    end().clamp(pages.start, pages.end)..pages.end
}

/// The arena is gone.
pub(super) fn forget() {
    END.store(ALL.start, Ordering::Relaxed);
}
