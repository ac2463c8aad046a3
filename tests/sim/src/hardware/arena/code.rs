// SPDX-License-Identifier: MIT OR Apache-2.0

//! The memory of images and of the machine code that the simulated kernel makes. It is
//! mapped twice: where drivers run it, with the protection that they are to meet, and
//! elsewhere, where the simulated kernel writes to it.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Access, IMAGES, RECORDERS, SLOTS, protect};

const CODE: Range<usize> = IMAGES.start..SLOTS.end;

/// Where [`CODE`] can be written to: drivers do not know this address.
static WRITABLE: AtomicUsize = AtomicUsize::new(0);

/// Maps the memory; images are inaccessible.
pub(super) fn map() -> io::Result<()> {
    // SAFETY: the name is a string that ends with a zero.
    let file = unsafe { libc::memfd_create(c"code".as_ptr(), libc::MFD_CLOEXEC) };
    if file == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, so nobody else owns it.
    let file = unsafe { OwnedFd::from_raw_fd(file) };
    let length = i64::try_from(CODE.len()).expect("it is small");
    // SAFETY: the call gives the file a length.
    if unsafe { libc::ftruncate(file.as_raw_fd(), length) } == -1 {
        return Err(io::Error::last_os_error());
    }
    let map = |address: usize, access: Access, flags| {
        // SAFETY: the addresses are the arena's, or such as the system chooses.
        let mapped = unsafe {
            libc::mmap(
                address as *mut libc::c_void,
                CODE.len(),
                access.flags(),
                libc::MAP_SHARED | flags,
                file.as_raw_fd(),
                0,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(mapped as usize)
    };
    map(CODE.start, Access::None, libc::MAP_FIXED)?;
    protect(RECORDERS.start..SLOTS.end, Access::Execute)?;
    let writable = map(0, Access::ReadWrite, 0)?;
    WRITABLE.store(writable, Ordering::Relaxed);
    Ok(())
}

/// Unmaps what can be written to.
pub(super) fn unmap() {
    let writable = WRITABLE.swap(0, Ordering::Relaxed);
    // SAFETY: `map` has mapped it for this arena.
    unsafe { libc::munmap(writable as *mut libc::c_void, CODE.len()) };
}

/// Where `memory` can be written to.
pub(super) fn writable(memory: &Range<usize>) -> usize {
    assert!(
        CODE.start <= memory.start && memory.end <= CODE.end,
        "code has its ranges"
    );
    WRITABLE.load(Ordering::Relaxed) + (memory.start - CODE.start)
}

/// Puts machine code at `address`, where nothing is executed now.
pub(crate) fn write(address: usize, code: &[u8]) {
    let writable = writable(&(address..address + code.len()));
    // SAFETY: `map` has mapped as many bytes there, to which no reference exists.
    unsafe { ptr::copy_nonoverlapping(code.as_ptr(), writable as *mut u8, code.len()) };
}

/// Gives the memory of `pages` back to the system.
pub(super) fn forget(pages: &Range<usize>) {
    if pages.is_empty() {
        return;
    }
    // SAFETY: `map` has mapped as many bytes there, to which no reference exists.
    let result = unsafe {
        libc::madvise(
            writable(pages) as *mut libc::c_void,
            pages.len(),
            libc::MADV_REMOVE,
        )
    };
    assert_eq!(result, 0, "the pages are those of a file in memory");
}
