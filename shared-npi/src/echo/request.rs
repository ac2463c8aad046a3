// SPDX-License-Identifier: MIT OR Apache-2.0

//! Echo requests.

use nmr::NtStatus;
use nmr::abi::NTSTATUS;
use nmr::header::Header;
use nmr::layout::Check;
use nmr::request::ProviderArea;

use super::VERSION;

/// The maximum number of bytes in a request.
pub const MAX_PAYLOAD: usize = 64;

/// The maximum number of requests that pend in one binding.
pub const MAX_PENDING: u32 = 64;

nmr::c_struct! {
    /// A request to echo bytes. The client owns the memory, which is non-paged. It belongs
    /// to the provider from the call of `submit` until the request is answered or completed.
    #[derive(Debug)]
    pub struct Request: Check::SIZE_FIRST {
        /// Size and version of this structure.
        pub header: Header,
        /// The bytes to echo, and the reply.
        pub body: Body,
        /// Memory for the provider's use while the request pends.
        pub provider_area: ProviderArea,
    }
}

nmr::c_struct! {
    /// The bytes to echo, and the reply.
    #[derive(Clone, Copy, Debug)]
    pub struct Body {
        /// The client's number for the request. The provider does not change it.
        pub id: u64,
        /// The number of bytes in `payload`, at most [`MAX_PAYLOAD`].
        pub length: u32,
        /// The status of the completion, which the provider sets before `complete`.
        pub status: NTSTATUS,
        /// The bytes to echo.
        pub payload: [u8; MAX_PAYLOAD],
        /// The echoed bytes, `length` of them, if `status` is a success.
        pub reply: [u8; MAX_PAYLOAD],
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Request>() == 184);

impl Request {
    /// Creates a request with this body.
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
    /// Creates a body with a number and a payload, which is cut off after [`MAX_PAYLOAD`]
    /// bytes.
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

    /// The bytes to echo, or `None` if `length` exceeds [`MAX_PAYLOAD`].
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        self.payload.get(..self.length as usize)
    }

    /// The echoed bytes, or `None` if `length` exceeds [`MAX_PAYLOAD`].
    #[must_use]
    pub fn reply(&self) -> Option<&[u8]> {
        self.reply.get(..self.length as usize)
    }

    /// Returns `true` if the reply equals the payload.
    #[must_use]
    pub fn is_echo(&self) -> bool {
        matches!((self.payload(), self.reply()), (Some(sent), Some(got)) if sent == got)
    }

    /// Copies the payload to the reply.
    pub const fn echo(&mut self) {
        self.reply = self.payload;
    }
}
