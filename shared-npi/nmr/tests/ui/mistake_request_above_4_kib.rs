// SPDX-License-Identifier: MIT OR Apache-2.0

//! A request is too large to be moved through a kernel stack.

use nmr::abi::{GUID, NPIID, NTSTATUS};
use nmr::irql::PassiveLevel;
use nmr::layout::{Absent, Check, Required};
use nmr::request::{
    Complete, Completed, RequestClient, Slots, Submission, Submit, dispatch_complete, submit,
};
use nmr::{Call, Client, Module, ModuleId, PeerModule, Result, Table};

nmr::c_struct! {
    pub struct Body {
        pub status: NTSTATUS,
        pub data: [u8; 4096],
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

enum Large {}

unsafe impl nmr::Npi for Large {
    const ID: NPIID = GUID::from_u128(1);
    type ClientCharacteristics = Absent;
    type ProviderCharacteristics = Absent;
    type ClientDispatch = Required<ClientTable>;
    type ProviderDispatch = Required<ProviderTable>;
}

nmr::requests! {
    unsafe impl Requests for Large {
        pub struct Request: 1 { body: Body }
        status: status, submit: submit, complete: complete
    }
}

static TABLE: ClientTable = ClientTable {
    complete: Some(dispatch_complete::<Wrong>),
};

struct Wrong;

impl Module for Wrong {
    type Role = Client;
    type Npi = Large;
    type Binding = Slots<Large>;
    const MODULE_ID: ModuleId = ModuleId::Guid(GUID::from_u128(2));
    const CHARACTERISTICS: () = ();
    const TABLE: Table<Self> = unsafe { Table::new(&TABLE) };

    fn attach(
        &self,
        _provider: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<Slots<Large>> {
        Slots::new(1)
    }

    fn accepts_dispatch(_slots: &Slots<Large>, table: &ProviderTable) -> bool {
        table.submit.is_some()
    }
}

impl RequestClient for Wrong {
    fn slots(slots: &Slots<Large>) -> &Slots<Large> {
        slots
    }

    fn completed(&self, _request: Completed<'_, Self>) {}
}

fn main() {
    // The assertion is made where a request is submitted.
    let _: fn(Call<'_, Wrong>, Body) -> Submission<'_, Wrong> = submit;
}
