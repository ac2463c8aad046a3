// SPDX-License-Identifier: MIT OR Apache-2.0

//! A small NPI with a module of each role, for the cases to be wrong with.

use core::ffi::c_void;
use core::mem::offset_of;

use nmr::abi::{GUID, NPIID, NTSTATUS};
use nmr::dispatch::Lent;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::layout::{Check, Required};
use nmr::request::{
    Answer, Cancel, Complete, Completed, ProviderArea, RequestClient, RequestLimit,
    RequestProvider, Requests, Slots, Submit, Submitted, dispatch_cancel, dispatch_complete,
    dispatch_submit,
};
use nmr::{
    Binding, Bindings, Client, Module, ModuleId, Npi, NtStatus, PeerModule, Provider, Result,
    Table,
};

nmr::c_struct! {
    pub struct Characteristics: Check::SIZE_FIRST {
        pub header: Header,
    }
}

nmr::c_struct! {
    pub struct ProviderTable: Check::SIZE_FIRST {
        pub header: Header,
        pub submit: Option<Submit<Request>>,
        pub cancel: Option<Cancel<Request>>,
        pub tell: Option<unsafe extern "system" fn(*mut c_void, *const Characteristics) -> NTSTATUS>,
    }
}

nmr::c_struct! {
    pub struct ClientTable: Check::SIZE_FIRST {
        pub header: Header,
        pub complete: Option<Complete<Request>>,
    }
}

nmr::c_struct! {
    pub struct Request: Check::SIZE_FIRST {
        pub header: Header,
        pub body: Body,
        pub area: ProviderArea,
    }
}

nmr::c_struct! {
    #[derive(Clone, Copy)]
    pub struct Body {
        pub status: NTSTATUS,
    }
}

pub enum Sample {}

unsafe impl Npi for Sample {
    const ID: NPIID = GUID::from_u128(0x3f2d_6d1e_4b0a_4c55_9d55_0a8e_5f0c_7a01);
    type ClientCharacteristics = Required<Characteristics>;
    type ProviderCharacteristics = Required<Characteristics>;
    type ClientDispatch = Required<ClientTable>;
    type ProviderDispatch = Required<ProviderTable>;
}

unsafe impl Requests for Sample {
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

    fn complete_of(client: &ClientTable) -> Option<Complete<Request>> {
        client.complete
    }
}

pub const MODULE_ID: ModuleId =
    ModuleId::Guid(GUID::from_u128(0x3f2d_6d1e_4b0a_4c55_9d55_0a8e_5f0c_7a02));

pub static CHARACTERISTICS: Characteristics = Characteristics {
    header: Header::of::<Characteristics>(1),
};

pub static CLIENT_TABLE: ClientTable = ClientTable {
    header: Header::of::<ClientTable>(1),
    complete: Some(dispatch_complete::<User>),
};

pub static PROVIDER_TABLE: ProviderTable = ProviderTable {
    header: Header::of::<ProviderTable>(1),
    submit: Some(dispatch_submit::<Server>),
    cancel: Some(dispatch_cancel::<Sample>),
    tell: Some(tell::<Server>),
};

nmr::dispatch_fn! {
    fn tell[M: Module](
        binding: &Binding<M>,
        what: Lent<'call, Characteristics>,
    ) -> NTSTATUS {
        let _ = (binding.module(), what.header.version);
        NtStatus::SUCCESS.0
    }
}

/// The provider.
pub struct Server;

impl Module for Server {
    type Role = Provider;
    type Npi = Sample;
    type Binding = RequestLimit;
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = &CHARACTERISTICS;
    const TABLE: Table<Self> = unsafe { Table::new(&PROVIDER_TABLE) };

    fn attach(
        &self,
        client: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<RequestLimit> {
        client.characteristics()?;
        Ok(RequestLimit::new(1))
    }

    fn accepts_dispatch(_limit: &RequestLimit, table: &ClientTable) -> bool {
        table.complete.is_some()
    }
}

impl RequestProvider for Server {
    fn limit(limit: &RequestLimit) -> &RequestLimit {
        limit
    }

    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call> {
        request.answer(NtStatus::SUCCESS)
    }
}

/// The client.
#[derive(Default)]
pub struct User {
    pub servers: Bindings<User>,
}

impl Module for User {
    type Role = Client;
    type Npi = Sample;
    type Binding = Slots<Sample>;
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = &CHARACTERISTICS;
    const TABLE: Table<Self> = unsafe { Table::new(&CLIENT_TABLE) };

    fn attach(
        &self,
        server: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<Slots<Sample>> {
        server.characteristics()?;
        Slots::new(1)
    }

    fn accepts_dispatch(_slots: &Slots<Sample>, table: &ProviderTable) -> bool {
        table.submit.is_some()
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&self.servers)
    }
}

impl RequestClient for User {
    fn slots(slots: &Slots<Sample>) -> &Slots<Sample> {
        slots
    }

    fn completed(&self, _request: Completed<'_, Self>) {}
}
