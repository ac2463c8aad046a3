// SPDX-License-Identifier: MIT OR Apache-2.0

//! The offsets of a request put its body and the provider's area into the same
//! memory.

mod support;

use nmr::request::{Complete, Requests, Submit, dispatch_cancel};
use nmr::abi::{GUID, NPIID};
use nmr::layout::Required;
use nmr::{Npi, NtStatus};
use support::{Body, ClientTable, ProviderTable, Request, Sample};

enum Wrong {}

unsafe impl Npi for Wrong {
    const ID: NPIID = GUID::from_u128(1);
    type ClientCharacteristics = Required<support::Characteristics>;
    type ProviderCharacteristics = Required<support::Characteristics>;
    type ClientDispatch = Required<ClientTable>;
    type ProviderDispatch = Required<ProviderTable>;
}

unsafe impl Requests for Wrong {
    type Request = Request;
    type Body = Body;
    const BODY: usize = Sample::AREA;
    const AREA: usize = Sample::AREA;

    fn request(body: Body) -> Request {
        Sample::request(body)
    }

    fn status(body: &Body) -> NtStatus {
        Sample::status(body)
    }

    fn set_status(body: &mut Body, status: NtStatus) {
        Sample::set_status(body, status);
    }

    fn submit_of(provider: &ProviderTable) -> Option<Submit<Request>> {
        provider.submit
    }

    fn complete_of(client: &ClientTable) -> Option<Complete<Request>> {
        client.complete
    }
}

fn main() {
    let _ = dispatch_cancel::<Wrong>;
    let cancel: unsafe extern "system" fn(_, _) = dispatch_cancel::<Wrong>;
    let _ = cancel;
}
