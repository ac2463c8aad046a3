// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider that keeps three requests in four for its worker.

use std::sync::Arc;

use nmr::inbox::Inbox;
use nmr::irql::PassiveLevel;
use nmr::request::{Answer, Pended, RequestLimit, RequestProvider, Submitted};
use nmr::{Module, ModuleId, NtStatus, PeerModule, Provider, Registration, Result, Table};
use shared_npi::echo::provider::{self, ClientBinding, EchoProvider};
use shared_npi::echo::{
    Capabilities, Characteristics, ClientDispatch, Counters, ECHO_PROVIDER_MODULE_ID, Echo,
};

use super::worker::Worker;
use crate::registering::register;

pub(crate) struct TestProvider {
    pub(crate) counters: Counters,
    inbox: Arc<Inbox<Pended<TestProvider>>>,
    pub(crate) worker: Worker,
}

impl TestProvider {
    pub(crate) fn new() -> Self {
        let inbox = Arc::new(Inbox::<Pended<Self>>::new());
        let worker = Worker::start({
            let inbox = Arc::clone(&inbox);
            move || {
                for request in inbox.take_all() {
                    provider::complete(request).notify_progress();
                }
            }
        });
        Self {
            counters: Counters::new(),
            inbox,
            worker,
        }
    }

    pub(crate) fn register() -> Registration<Self> {
        register(Self::new())
    }
}

impl Module for TestProvider {
    type Role = Provider;
    type Npi = Echo;
    type Binding = ClientBinding;
    const MODULE_ID: ModuleId = ECHO_PROVIDER_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(1, 1, Capabilities::KNOWN, Capabilities::empty());
    const TABLE: Table<Self> = provider::dispatch();

    fn attach(
        &self,
        client: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ClientBinding> {
        let agreement = Self::CHARACTERISTICS.negotiate(client.characteristics()?)?;
        Ok(ClientBinding::new(agreement))
    }

    fn accepts_dispatch(binding: &ClientBinding, table: &ClientDispatch) -> bool {
        table.serves(binding.agreement())
    }
}

impl RequestProvider for TestProvider {
    fn limit(binding: &ClientBinding) -> &RequestLimit {
        binding.limit()
    }

    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call> {
        if request.id.is_multiple_of(4) {
            return provider::echo_now(request);
        }
        let (pended, answer) = provider::pend(request);
        self.inbox.add(pended);
        self.worker.wake();
        answer
    }

    fn refused(&self, _status: NtStatus) {
        self.counters.count_refusal();
    }
}

impl EchoProvider for TestProvider {
    fn counters(&self) -> &Counters {
        &self.counters
    }
}
