// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pages of pool that are mapped at a second address, as `MmMapLockedPagesSpecifyCache`
//! maps physical pages.
//!
//! Pool is memory without a file, of which there can be no second mapping: while pages
//! have one, both are mappings of a file in memory, and afterwards the pages get their own
//! memory back.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{Access, PAGE, protect};

/// The file behind pages that are mapped twice.
#[derive(Debug)]
pub(crate) struct Backing {
    file: OwnedFd,
    pages: Range<usize>,
}

impl Backing {
    /// Puts a file behind `pages`, which are readable and writable and keep their content.
    ///
    /// # Errors
    ///
    /// The system has no room for the file or for more mappings.
    pub(crate) fn new(pages: Range<usize>) -> io::Result<Self> {
        debug_assert!(pages.start.is_multiple_of(PAGE) && pages.len().is_multiple_of(PAGE));
        // SAFETY: the name is a string that ends with a zero.
        let file = unsafe { libc::memfd_create(c"alias".as_ptr(), libc::MFD_CLOEXEC) };
        if file == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, so nobody else owns it.
        let file = unsafe { OwnedFd::from_raw_fd(file) };
        // SAFETY: the pages are readable, and the call only reads them.
        let written = unsafe {
            libc::pwrite(
                file.as_raw_fd(),
                pages.start as *const libc::c_void,
                pages.len(),
                0,
            )
        };
        if usize::try_from(written) != Ok(pages.len()) {
            return Err(io::Error::last_os_error());
        }
        let backing = Self { file, pages };
        backing.map(backing.pages.start, &backing.pages)?;
        Ok(backing)
    }

    /// Returns `true` if it is behind all of `pages`.
    pub(crate) fn has(&self, pages: &Range<usize>) -> bool {
        self.pages.start <= pages.start && pages.end <= self.pages.end
    }

    /// Returns `true` if it is behind some of `pages`.
    pub(crate) fn overlaps(&self, pages: &Range<usize>) -> bool {
        self.pages.start < pages.end && pages.start < self.pages.end
    }

    /// Maps `pages`, behind which it is, at `at`, too, where the arena has as many pages.
    ///
    /// # Errors
    ///
    /// The system has no room for more mappings.
    pub(crate) fn map(&self, at: usize, pages: &Range<usize>) -> io::Result<()> {
        let offset = i64::try_from(pages.start - self.pages.start).expect("it is small");
        // SAFETY: the pages at this address are the arena's, and no reference to them exists.
        let mapped = unsafe {
            libc::mmap(
                at as *mut libc::c_void,
                pages.len(),
                Access::ReadWrite.flags(),
                libc::MAP_SHARED | libc::MAP_FIXED,
                self.file.as_raw_fd(),
                offset,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        let file = self.file.as_raw_fd();
        let start = self.pages.start as *mut libc::c_void;
        // Memory that is freed by now is inaccessible, and the system refuses to read it.
        // SAFETY: the call only reads the page, if that is readable.
        let in_use = unsafe { libc::pwrite(file, start, 1, 0) } == 1;
        detach(&self.pages);
        if in_use {
            // SAFETY: `detach` has just made the pages writable, and no reference to them exists.
            let read = unsafe { libc::pread(file, start, self.pages.len(), 0) };
            assert_eq!(
                usize::try_from(read),
                Ok(self.pages.len()),
                "it has as much"
            );
        } else {
            protect(self.pages.clone(), Access::None).expect("it is a mapping of its own");
        }
    }
}

/// Gives `pages` memory of their own, which reads as zero.
pub(crate) fn detach(pages: &Range<usize>) {
    // SAFETY: the pages are the arena's, and no reference to them exists.
    let mapped = unsafe {
        libc::mmap(
            pages.start as *mut libc::c_void,
            pages.len(),
            Access::ReadWrite.flags(),
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    assert_ne!(mapped, libc::MAP_FAILED, "it replaces a mapping");
}
