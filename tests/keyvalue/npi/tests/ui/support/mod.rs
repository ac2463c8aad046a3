// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider, for the cases to be wrong with.

use keyvalue::{
    Characteristics, ClientDispatch, KeyValue, KeyValueProvider, PROVIDER_MODULE_ID, Statistics,
    provider_table,
};
use nmr::inbox::Inbox;
use nmr::irql::PassiveLevel;
use nmr::request::{Answer, Pended, RequestLimit, RequestProvider, Submitted};
use nmr::{Module, ModuleId, PeerModule, Provider, Result, Table};

pub struct Store {
    pub questions: Inbox<Pended<Store>>,
}

impl Module for Store {
    type Role = Provider;
    type Npi = KeyValue;
    type Binding = RequestLimit;
    const MODULE_ID: ModuleId = PROVIDER_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = Characteristics::OWN;
    const TABLE: Table<Self> = provider_table();

    fn attach(&self, _: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result<RequestLimit> {
        Ok(RequestLimit::new(8))
    }

    fn accepts_dispatch(_: &RequestLimit, table: &ClientDispatch) -> bool {
        table.complete.is_some()
    }
}

impl RequestProvider for Store {
    fn limit(binding: &RequestLimit) -> &RequestLimit {
        binding
    }

    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call> {
        let (pended, answer) = request.pend();
        self.questions.add(pended);
        answer
    }
}

impl KeyValueProvider for Store {
    fn statistics(&self) -> Statistics {
        Statistics::new(0)
    }
}
