// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Echo provider: attaches clients, and answers their requests.
//!
//! Detach and cleanup need no code here: the binding's gate in the crate `nmr` completes
//! the detach, and the cleanup callback drops the [`ClientBinding`].

use nmr::irql::PassiveLevel;
use nmr::request::{Answer, RequestLimit, RequestProvider, Submitted};
use nmr::{Bindings, Event, Module, ModuleId, NtStatus, PeerModule, Provider, Result, Table};
use shared_npi::echo::provider::{self, ClientBinding, EchoProvider};
use shared_npi::echo::{
    Capabilities, Characteristics, ClientDispatch, Counters, ECHO_PROVIDER_MODULE_ID, Echo, VERSION,
};
use wdm::events;
use wdm::worker::Worker;

use crate::EVENTS;
use crate::worker::Completer;

/// Counts the requests since the driver was loaded.
pub(crate) static COUNTERS: Counters = Counters::new();

/// The bindings to clients that have submitted a request.
pub(crate) static CLIENTS: Bindings<EchoModule> = Bindings::new();

/// The Echo module, which is NMR's registration context.
pub(crate) struct EchoModule {
    /// Completes the requests that `submit` pends.
    pub(crate) worker: Worker<Completer>,
}

impl EchoModule {
    /// Creates the module, and starts its worker. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status with which the system thread failed to start.
    pub(crate) fn new(passive: &PassiveLevel<'_>) -> Result<Self> {
        let worker = Worker::start(Completer::default(), passive)?;
        Ok(Self { worker })
    }
}

impl Module for EchoModule {
    type Role = Provider;
    type Npi = Echo;
    type Binding = ClientBinding;

    const MODULE_ID: ModuleId = ECHO_PROVIDER_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(VERSION, VERSION, Capabilities::KNOWN, Capabilities::empty());
    const TABLE: Table<Self> = provider::dispatch();

    fn attach(
        &self,
        client: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ClientBinding> {
        let peer = client.characteristics()?;
        Ok(ClientBinding::new(Self::CHARACTERISTICS.negotiate(peer)?))
    }

    fn accepts_dispatch(binding: &ClientBinding, table: &ClientDispatch) -> bool {
        table.serves(binding.agreement())
    }

    fn trace(&self, event: Event) {
        events::trace(&EVENTS, "Echo", event);
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&CLIENTS)
    }
}

impl RequestProvider for EchoModule {
    fn limit(binding: &ClientBinding) -> &RequestLimit {
        binding.limit()
    }

    /// Answers one request in four at once, and pends the others for the worker, so that
    /// a detach finds requests in flight.
    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call> {
        if request.id.is_multiple_of(4) {
            return provider::echo_now(request);
        }
        let (pended, answer) = provider::pend(request);
        self.worker.add(pended);
        self.worker.wake();
        answer
    }

    fn refused(&self, _status: NtStatus) {
        COUNTERS.count_refusal();
    }
}

impl EchoProvider for EchoModule {
    fn counters(&self) -> &Counters {
        &COUNTERS
    }
}
