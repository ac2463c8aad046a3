// SPDX-License-Identifier: MIT OR Apache-2.0

//! A request.

use nmr::NtStatus;
use nmr::abi::NTSTATUS;
use nmr::header::Header;
use nmr::layout::Check;
use nmr::request::ProviderArea;

use super::VERSION;

/// The most bytes a request can carry.
pub const MAX_PAYLOAD: usize = 64;

/// The most requests of one binding that a provider keeps pending.
pub const MAX_PENDING: u32 = 64;

nmr::c_struct! {
    /// A request to echo bytes. The client owns the memory, in non-paged pool, and
    /// lends it to the provider from `submit` to its end.
    #[derive(Debug)]
    pub struct Request: Check::SIZE_FIRST {
        /// Size and version of this structure.
        pub header: Header,
        /// The bytes to echo, and the answer.
        pub body: Body,
        /// The provider's own while it keeps the request.
        pub provider_area: ProviderArea,
    }
}

nmr::c_struct! {
    /// The bytes to echo, and the answer.
    #[derive(Clone, Copy, Debug)]
    pub struct Body {
        /// Chosen by the client; the provider leaves it alone.
        pub id: u64,
        /// The number of bytes of `payload` that count, up to [`MAX_PAYLOAD`].
        pub length: u32,
        /// The status of the completion: set by the provider before `complete`.
        pub status: NTSTATUS,
        /// The bytes to echo.
        pub payload: [u8; MAX_PAYLOAD],
        /// The echo: `length` bytes, if `status` is a success.
        pub reply: [u8; MAX_PAYLOAD],
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Request>() == 184);

impl Request {
    /// A request with this body.
    #[must_use]
    pub const fn new(body: Body) -> Self {
        Self {
            header: Header::of::<Self>(VERSION),
            body,
            provider_area: ProviderArea::new(),
        }
    }
}

impl Body {
    /// A body with a number and a payload, of which at most [`MAX_PAYLOAD`] bytes are
    /// sent.
    #[must_use]
    pub fn new(id: u64, payload: &[u8]) -> Self {
        let mut body = Self {
            id,
            length: 0,
            status: NtStatus::SUCCESS.0,
            payload: [0; MAX_PAYLOAD],
            reply: [0; MAX_PAYLOAD],
        };
        for (place, byte) in body.payload.iter_mut().zip(payload) {
            *place = *byte;
            body.length += 1;
        }
        body
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

    /// Returns `true` if the reply is the payload.
    #[must_use]
    pub fn is_echo(&self) -> bool {
        matches!((self.payload(), self.reply()), (Some(sent), Some(got)) if sent == got)
    }

    /// Copies the payload to the reply.
    pub const fn echo(&mut self) {
        self.reply = self.payload;
    }
}
