// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests state version 0: every provider would refuse them.

use nmr::abi::{GUID, NPIID, NTSTATUS};
use nmr::layout::{Absent, Check, Required};
use nmr::request::{Complete, Submit};

nmr::c_struct! {
    pub struct Body {
        pub status: NTSTATUS,
    }
}

nmr::c_struct! {
    pub struct ProviderTable: Check::NONE {
        pub submit: Option<Submit<Request>>,
    }
}

nmr::c_struct! {
    pub struct ClientTable: Check::NONE {
        pub complete: Option<Complete<Request>>,
    }
}

enum Wrong {}

unsafe impl nmr::Npi for Wrong {
    const ID: NPIID = GUID::from_u128(1);
    type ClientCharacteristics = Absent;
    type ProviderCharacteristics = Absent;
    type ClientDispatch = Required<ClientTable>;
    type ProviderDispatch = Required<ProviderTable>;
}

nmr::requests! {
    unsafe impl Requests for Wrong {
        pub struct Request: 0 { body: Body }
        status: status, submit: submit, complete: complete
    }
}

fn main() {}
