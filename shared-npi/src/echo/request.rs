// SPDX-License-Identifier: MIT OR Apache-2.0

//! A request.

use core::sync::atomic::AtomicUsize;

use super::VERSION;
use nmr::NtStatus;
use nmr::abi::NTSTATUS;
use nmr::header::{Headed, Header};

/// The most bytes a request can carry.
pub const MAX_PAYLOAD: usize = 64;

/// The most requests of one binding that a provider keeps pending.
pub const MAX_PENDING: u32 = 64;

/// Bytes to be sent back. The client owns the memory, in non-paged pool, and
/// lends it to the provider from `submit` to its end.
#[repr(C)]
#[derive(Debug)]
pub struct Request {
    /// Size and version of this structure.
    pub header: Header,
    /// Chosen by the client; the provider leaves it alone.
    pub id: u64,
    /// How many bytes of `payload` count, up to [`MAX_PAYLOAD`].
    pub length: u32,
    /// How it went: set by the provider before `complete`.
    pub status: NTSTATUS,
    /// The bytes to echo.
    pub payload: [u8; MAX_PAYLOAD],
    /// The echo: `length` bytes, where `status` is a success.
    pub reply: [u8; MAX_PAYLOAD],
    /// The provider's own while it keeps the request: the client sets it to
    /// zeros before `submit` and does not look at it.
    pub provider_area: [AtomicUsize; 4],
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Request>() == 184);

// SAFETY: `repr(C)`, a header first, integers after it.
unsafe impl Headed for Request {}

impl Request {
    /// A request with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            header: Header::of::<Self>(VERSION),
            id: 0,
            length: 0,
            status: NtStatus::SUCCESS.0,
            payload: [0; MAX_PAYLOAD],
            reply: [0; MAX_PAYLOAD],
            provider_area: [const { AtomicUsize::new(0) }; 4],
        }
    }

    /// The bytes to echo; `None` if the length is beyond them.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        self.payload.get(..self.length as usize)
    }

    /// The echo; `None` if the length is beyond it.
    #[must_use]
    pub fn reply(&self) -> Option<&[u8]> {
        self.reply.get(..self.length as usize)
    }
}

impl Default for Request {
    fn default() -> Self {
        Self::new()
    }
}
