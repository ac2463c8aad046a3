// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Echo client: attaches to providers, and keeps requests in flight.
//!
//! Detach and cleanup need no code here: the binding's gate in the crate `nmr` completes
//! the detach, and the cleanup callback drops the [`ProviderBinding`].
//!
//! # Parameters
//!
//! The client reads these values from the `Parameters` key of its service. If a value is
//! missing or has another type, the default applies; a value out of range is clamped.
//!
//! | value (`REG_DWORD`) | meaning | default | range |
//! |---|---|---|---|
//! | `Threads` | system threads that submit requests | 2 | 1 to 8 |
//! | `Depth` | requests in flight for each provider | 4 | 1 to 64 |

use nmr::irql::PassiveLevel;
use nmr::request::{Completed, RequestClient, Slots};
use nmr::{Bindings, Call, Client, Event, Module, ModuleId, PeerModule, Result, Table};
use shared_npi::echo::client::{self, EchoClient, ProviderBinding};
use shared_npi::echo::{
    Capabilities, Characteristics, ECHO_CLIENT_MODULE_ID, Echo, MAX_PENDING, ProviderDispatch,
    VERSION,
};
use wdm::events;
use wdm::parameters::Parameters;

use crate::EVENTS;
use crate::telemetry::ACTIVITY;
use crate::worker::{MAX_THREADS, Workers};

/// The bindings to providers.
pub(crate) static PROVIDERS: Bindings<EchoModule> = Bindings::new();

/// The Echo module, which is NMR's registration context.
pub(crate) struct EchoModule {
    /// The maximum number of requests in flight for each provider.
    depth: u32,
    /// The threads that submit the requests.
    pub(crate) workers: Workers,
}

impl EchoModule {
    /// Creates the module, and starts its workers. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status with which a system thread failed to start.
    pub(crate) fn new(parameters: &Parameters<'_>, passive: &PassiveLevel<'_>) -> Result<Self> {
        let threads = parameters.dword("Threads", 2, 1..=MAX_THREADS);
        let depth = parameters.dword("Depth", 4, 1..=MAX_PENDING);
        let workers = Workers::start(threads, depth, passive)?;
        Ok(Self { depth, workers })
    }
}

impl Module for EchoModule {
    type Role = Client;
    type Npi = Echo;
    type Binding = ProviderBinding;

    const MODULE_ID: ModuleId = ECHO_CLIENT_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(VERSION, VERSION, Capabilities::KNOWN, Capabilities::empty());
    const TABLE: Table<Self> = client::dispatch();

    fn attach(
        &self,
        provider: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ProviderBinding> {
        let peer = provider.characteristics()?;
        ProviderBinding::new(Self::CHARACTERISTICS.negotiate(peer)?, self.depth)
    }

    fn accepts_dispatch(binding: &ProviderBinding, table: &ProviderDispatch) -> bool {
        table.serves(binding.agreement())
    }

    fn attached(&self, provider: Call<'_, Self>) {
        provider.add_to_list();
        self.workers.wake();
    }

    fn trace(&self, event: Event) {
        events::trace(&EVENTS, "Echo", event);
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&PROVIDERS)
    }

    fn dispatch_rejected(&self) {
        wdk::println!("echo client: a provider's dispatch table lacks functions: not used");
    }
}

impl RequestClient for EchoModule {
    fn slots(binding: &ProviderBinding) -> &Slots<Echo> {
        binding.slots()
    }

    /// Counts the completion, frees the request's slot, and wakes a worker to refill it.
    fn completed(&self, request: Completed<'_, Self>) {
        ACTIVITY.record_completion(request.status());
        if request.status().is_success() && !request.is_echo() {
            wdk::println!("echo client: a provider did not return the bytes that it was sent");
        }
        drop(request);
        self.workers.wake();
    }

    fn unexpected(&self) {
        wdk::println!("echo client: a provider completed a request that it did not have");
    }
}

impl EchoClient for EchoModule {}
