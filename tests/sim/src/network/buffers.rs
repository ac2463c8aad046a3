// SPDX-License-Identifier: MIT OR Apache-2.0

//! The buffers of requests: `WSK_BUF`, which describes a part of a chain of MDLs, and lists of
//! them.

use std::mem::offset_of;
use std::ops::Range;

use crate::io::mdl::{LOCKED, Mdl, NON_PAGED, PARTIAL};

/// `WSK_BUF`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct WskBuf {
    pub(crate) mdl: usize,
    pub(crate) offset: u32,
    pub(crate) length: usize,
}

/// `WSK_BUF_LIST`.
#[repr(C)]
struct WskBufList {
    next: usize,
    buffer: WskBuf,
}

/// The memory that a buffer describes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer {
    pub(crate) parts: Vec<Range<usize>>,
    pub(crate) mdls: Vec<usize>,
    /// Other memory that the request uses until it is complete.
    pub(crate) others: Vec<Range<usize>>,
}

impl Buffer {
    /// The memory of the `WSK_BUF` at `at`, or what is wrong with it.
    ///
    /// # Safety
    ///
    /// `at` is a `WSK_BUF` whose MDLs are in memory.
    pub(crate) unsafe fn read(at: usize) -> Result<Self, String> {
        // SAFETY: there is a `WSK_BUF`, by this function's contract.
        let WskBuf {
            mdl,
            offset,
            length,
        } = unsafe { (at as *const WskBuf).read_unaligned() };
        let mut buffer = Self::default();
        let (mut next, mut skip, mut left) = (mdl, offset as usize, length);
        while left > 0 {
            if next == 0 {
                let described = length - left;
                return Err(format!(
                    "a WSK_BUF of {length} bytes, of which its MDLs describe {described}"
                ));
            }
            // SAFETY: the MDLs are in memory, by this function's contract.
            let one = unsafe { &*(next as *const Mdl) };
            if one.flags & (LOCKED | NON_PAGED | PARTIAL) == 0 {
                return Err(
                    "a WSK_BUF whose MDL has no locked pages: MmProbeAndLockPages or \
                            MmBuildMdlForNonPagedPool comes first"
                        .to_owned(),
                );
            }
            let memory = one.memory();
            if skip > memory.len() {
                return Err(format!(
                    "a WSK_BUF whose Offset {offset} is behind the end of its first MDL"
                ));
            }
            let taken = left.min(memory.len() - skip);
            let start = memory.start + skip;
            buffer.parts.push(start..start + taken);
            buffer.mdls.push(next);
            left -= taken;
            skip = 0;
            next = one.next;
        }
        Ok(buffer)
    }

    /// The memory of each datagram of the `WSK_BUF_LIST` at `at`, or what is wrong with one.
    ///
    /// # Safety
    ///
    /// The list is in memory, and so are the MDLs of its buffers.
    pub(crate) unsafe fn read_list(at: usize) -> Result<Vec<Self>, String> {
        let mut buffers = Vec::new();
        let mut next = at;
        while next != 0 {
            let buffer = next + offset_of!(WskBufList, buffer);
            // SAFETY: the list is in memory, by this function's contract.
            buffers.push(unsafe { Self::read(buffer) }?);
            // SAFETY: as for the buffer.
            next = unsafe { (*(next as *const WskBufList)).next };
        }
        Ok(buffers)
    }

    /// One buffer with the memory of all of these.
    pub(crate) fn of_all(buffers: &[Self]) -> Self {
        let mut all = Self::default();
        for one in buffers {
            all.parts.extend_from_slice(&one.parts);
            all.mdls.extend_from_slice(&one.mdls);
        }
        all
    }

    /// Memory that a request uses without a `WSK_BUF`.
    pub(crate) fn of_others(others: impl IntoIterator<Item = Range<usize>>) -> Self {
        Self {
            others: others.into_iter().filter(|it| !it.is_empty()).collect(),
            ..Self::default()
        }
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(Range::len).sum()
    }

    /// Its bytes.
    ///
    /// # Safety
    ///
    /// The memory is there.
    pub(crate) unsafe fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        for part in &self.parts {
            // SAFETY: the memory is there, by this function's contract, and the slice is gone
            // before anybody else runs.
            let slice = unsafe { std::slice::from_raw_parts(part.start as *const u8, part.len()) };
            bytes.extend_from_slice(slice);
        }
        bytes
    }

    /// Writes bytes from `at` of it on, as far as there is room.
    ///
    /// # Safety
    ///
    /// The memory is there.
    pub(crate) unsafe fn write(&self, mut at: usize, mut bytes: &[u8]) {
        for part in &self.parts {
            if at >= part.len() {
                at -= part.len();
                continue;
            }
            let taken = bytes.len().min(part.len() - at);
            // SAFETY: the memory is there, by this function's contract.
            unsafe { ((part.start + at) as *mut u8).copy_from(bytes.as_ptr(), taken) };
            bytes = &bytes[taken..];
            at = 0;
        }
    }

    /// Returns `true` if a part of it is in `memory`.
    pub(crate) fn overlaps(&self, memory: &Range<usize>) -> bool {
        let overlap = |part: &Range<usize>| part.start < memory.end && memory.start < part.end;
        let mut all = self.parts.iter().chain(&self.others);
        all.any(overlap) || self.mdls.iter().any(|mdl| memory.contains(mdl))
    }
}
