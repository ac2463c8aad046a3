// SPDX-License-Identifier: MIT OR Apache-2.0

//! A small NPI: a client submits a number and may cancel, a provider completes and
//! publishes.

use core::ffi::c_void;
use core::mem::offset_of;

use nmr::abi::*;
use nmr::header::Header;
use nmr::layout::{Absent, Check, Required};
use nmr::request::{Cancel, Complete, ProviderArea, Requests, Submit};
use nmr::{ModuleId, Npi, NtStatus};

nmr::c_struct! {
    /// The functions of a provider.
    pub(crate) struct ProviderTable: Check::SIZE_FIRST {
        pub(crate) header: Header,
        pub(crate) submit: Option<Submit<Request>>,
        pub(crate) cancel: Option<Cancel<Request>>,
        /// From now on the provider publishes to this client.
        pub(crate) subscribe: Option<unsafe extern "system" fn(binding: *mut c_void) -> NTSTATUS>,
    }
}

nmr::c_struct! {
    /// The functions of a client.
    pub(crate) struct ClientTable: Check::SIZE_FIRST {
        pub(crate) header: Header,
        pub(crate) complete: Option<Complete<Request>>,
        pub(crate) publish: Option<unsafe extern "system" fn(binding: *mut c_void)>,
    }
}

nmr::c_struct! {
    pub(crate) struct Request: Check::SIZE_FIRST {
        pub(crate) header: Header,
        pub(crate) body: Body,
        pub(crate) area: ProviderArea,
    }
}

nmr::c_struct! {
    #[derive(Clone, Copy)]
    pub(crate) struct Body {
        pub(crate) number: u32,
        pub(crate) status: NTSTATUS,
    }
}

pub(crate) enum Numbers {}

// SAFETY: the tests are both ends, and use these types.
unsafe impl Npi for Numbers {
    const ID: NPIID = GUID::from_u128(0x9c40_9c6c_6f3b_4d0b_8d0c_5a0f_4a8e_6a01);
    type ClientCharacteristics = Absent;
    type ProviderCharacteristics = Absent;
    type ClientDispatch = Required<ClientTable>;
    type ProviderDispatch = Required<ProviderTable>;
}

// SAFETY: the offsets are those of the fields, and the tests keep the contracts of the
// functions.
unsafe impl Requests for Numbers {
    type Request = Request;
    type Body = Body;
    const BODY: usize = offset_of!(Request, body);
    const AREA: usize = offset_of!(Request, area);

    fn request(body: Body) -> Request {
        Request {
            header: Header::of::<Request>(1),
            body,
            area: ProviderArea::new(),
        }
    }

    fn status(body: &Body) -> NtStatus {
        NtStatus(body.status)
    }

    fn set_status(body: &mut Body, status: NtStatus) {
        body.status = status.0;
    }

    fn submit_of(provider: &ProviderTable) -> Option<Submit<Request>> {
        provider.submit
    }

    fn cancel_of(provider: &ProviderTable) -> Option<Cancel<Request>> {
        provider.cancel
    }

    fn complete_of(client: &ClientTable) -> Option<Complete<Request>> {
        client.complete
    }
}

pub(crate) const MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x9c40_9c6c_6f3b_4d0b_8d0c_5a0f_4a8e_6a02));

pub(crate) const fn body(number: u32) -> Body {
    Body { number, status: 0 }
}
