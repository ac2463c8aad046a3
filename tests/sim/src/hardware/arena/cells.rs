// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cells: pages of pool for one block each, with a page behind each that is never
//! accessible.
//!
//! The page behind a cell is a mapping of a file without content: to touch it is an error
//! (`SIGBUS`) although its protection permits it. So one call makes many cells accessible,
//! and that changes nothing about the guards between them. Because the neighbours of a page are mappings of another kind, to
//! protect a page neither splits nor merges mappings.
//!
//! Cells keep their memory from cycle to cycle. To clear them takes a fraction of what
//! the system takes to clear and map a fresh page.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Access, PAGE, POOL, protect};

/// A page and the one behind it.
pub(crate) const CELL: usize = 2 * PAGE;

/// All cells. A process can have 65,530 mappings: most are left to what lies behind.
pub(crate) const CELLS: Range<usize> = POOL.start..POOL.start + 2048 * CELL;

/// How many bytes of cells are prepared at once.
const STEP: usize = 64 * CELL;

/// The end of the cells whose pages have guards.
static PREPARED: AtomicUsize = AtomicUsize::new(CELLS.start);

/// Makes `cells`, which are not in use, accessible; they read as zero.
///
/// # Errors
///
/// The system has no room for more mappings.
pub(crate) fn open(cells: Range<usize>) -> io::Result<()> {
    while PREPARED.load(Ordering::Relaxed) < cells.end {
        prepare()?;
    }
    protect(cells.clone(), Access::ReadWrite)?;
    for page in cells.step_by(CELL) {
        // SAFETY: the page was just made writable, and no reference to it exists.
        unsafe { ptr::write_bytes(page as *mut u8, 0, PAGE) };
    }
    Ok(())
}

/// Makes the page of one cell inaccessible.
pub(crate) fn close(cell: usize) {
    protect(cell..cell + PAGE, Access::None).expect("a cell is a mapping of its own");
}

/// Puts guards behind more cells.
fn prepare() -> io::Result<()> {
    let start = PREPARED.load(Ordering::Relaxed);
    // SAFETY: the name is a string that ends with a zero.
    let file = unsafe { libc::memfd_create(c"guards".as_ptr(), libc::MFD_CLOEXEC) };
    if file == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, so nobody else owns it. The mappings outlive it.
    let file = unsafe { OwnedFd::from_raw_fd(file) };
    for cell in (start..start + STEP).step_by(CELL) {
        // SAFETY: the page is the arena's, and nothing was ever accessible there.
        let mapped = unsafe {
            libc::mmap(
                (cell + PAGE) as *mut libc::c_void,
                PAGE,
                Access::ReadWrite.flags(),
                libc::MAP_SHARED | libc::MAP_FIXED,
                file.as_raw_fd(),
                0,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
    }
    PREPARED.store(start + STEP, Ordering::Relaxed);
    Ok(())
}

/// The arena is gone.
pub(super) fn forget() {
    PREPARED.store(CELLS.start, Ordering::Relaxed);
}
