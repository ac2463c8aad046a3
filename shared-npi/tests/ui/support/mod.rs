// SPDX-License-Identifier: MIT OR Apache-2.0

//! The smallest Echo provider, for the cases to be wrong with.

use nmr::Result;
use shared_npi::echo::provider::{self, Answer, ClientBinding, EchoProvider, Submitted};
use shared_npi::echo::{
    Capabilities, Characteristics, ClientDispatch, Counters, ECHO_PROVIDER_MODULE_ID, Echo,
    ProviderDispatch,
};
use nmr::abi::NPI_MODULEID;
use nmr::irql::PassiveLevel;
use nmr::{Module, PeerModule, Provider, Registration, Slot};

pub struct Sample {
    pub counters: Counters,
}

pub static SLOT: Slot<Registration<Sample>> = Slot::new();

impl Module for Sample {
    type Role = Provider;
    type Npi = Echo;
    type Binding = ClientBinding;
    const MODULE_ID: NPI_MODULEID = ECHO_PROVIDER_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(1, 1, Capabilities::empty(), Capabilities::empty());
    const DISPATCH: &'static ProviderDispatch = &provider::dispatch::<Self>();

    fn attach(
        &self,
        client: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ClientBinding> {
        Ok(ClientBinding::new(Self::CHARACTERISTICS.negotiate(client.characteristics()?)?))
    }

    fn usable(binding: &ClientBinding, table: &ClientDispatch) -> bool {
        table.serves(binding.agreement())
    }
}

impl EchoProvider for Sample {
    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call> {
        request.echo_now()
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }
}
