// SPDX-License-Identifier: MIT OR Apache-2.0

//! A client that keeps four requests going at each provider.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use nmr::irql::PassiveLevel;
use nmr::request::{Completed, RequestClient, Slots, Submission, submit};
use nmr::{
    Binding, Bindings, Call, Client, Module, ModuleId, NtStatus, PeerModule, Registration, Result,
    Table,
};
use shared_npi::echo::client::{self, EchoClient, ProviderBinding};
use shared_npi::echo::{
    Body, Capabilities, Characteristics, ECHO_CLIENT_MODULE_ID, Echo, Notification,
    ProviderDispatch,
};

use super::worker::Worker;
use crate::registering::register;

/// What a client has seen, to be looked at after it has gone.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) attached: AtomicUsize,
    pub(crate) echoed: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) wrong: AtomicU64,
    pub(crate) notified: AtomicU64,
    pub(crate) queried: AtomicU64,
}

impl Seen {
    /// Counts a request that is back.
    fn count(&self, request: &Completed<'_, TestClient>) {
        let counter = match request.status() {
            NtStatus::SUCCESS if request.is_echo() => &self.echoed,
            NtStatus::CANCELLED => &self.cancelled,
            _ => &self.wrong,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) struct TestClient {
    pub(crate) seen: Arc<Seen>,
    providers: Arc<Bindings<TestClient>>,
    worker: Worker,
}

impl TestClient {
    pub(crate) fn new(seen: &Arc<Seen>) -> Self {
        let providers = Arc::new(Bindings::<Self>::new());
        let worker = Worker::start({
            let providers = Arc::clone(&providers);
            let seen = Arc::clone(seen);
            let mut next_id = 0;
            move || {
                providers.for_each(|call| {
                    let binding = call.binding();
                    drop(call);
                    fill_slots(binding, &mut next_id, &seen);
                });
            }
        });
        Self {
            seen: Arc::clone(seen),
            providers,
            worker,
        }
    }

    pub(crate) fn register(seen: &Arc<Seen>) -> Registration<Self> {
        register(Self::new(seen))
    }
}

/// Submits requests until none of the slots is idle or the binding detaches.
fn fill_slots(binding: &Binding<TestClient>, next_id: &mut u64, seen: &Seen) {
    loop {
        let id = *next_id;
        *next_id += 1;
        if id.is_multiple_of(16)
            && let Some(call) = binding.enter()
            && client::query_statistics(call).is_ok()
        {
            seen.queried.fetch_add(1, Ordering::Relaxed);
        }
        let Some(call) = binding.enter() else {
            return;
        };
        match submit(call, Body::new(id, &id.to_le_bytes())) {
            Submission::NoSlot(_) => return,
            Submission::Answered(answered) => {
                if answered.status().is_success() {
                    seen.count(&answered);
                }
                drop(answered);
                std::thread::yield_now();
            }
            Submission::Pending(pending) => {
                if id.is_multiple_of(7) {
                    pending.cancel();
                }
            }
        }
    }
}

impl Module for TestClient {
    type Role = Client;
    type Npi = Echo;
    type Binding = ProviderBinding;
    const MODULE_ID: ModuleId = ECHO_CLIENT_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(1, 1, Capabilities::KNOWN, Capabilities::empty());
    const TABLE: Table<Self> = client::dispatch();

    fn attach(
        &self,
        provider: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ProviderBinding> {
        let agreement = Self::CHARACTERISTICS.negotiate(provider.characteristics()?)?;
        ProviderBinding::new(agreement, 4)
    }

    fn accepts_dispatch(binding: &ProviderBinding, table: &ProviderDispatch) -> bool {
        table.serves(binding.agreement())
    }

    fn attached(&self, call: Call<'_, Self>) {
        self.seen.attached.fetch_add(1, Ordering::Relaxed);
        call.add_to_list();
        self.worker.wake();
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&self.providers)
    }
}

impl RequestClient for TestClient {
    fn slots(binding: &ProviderBinding) -> &Slots<Echo> {
        binding.slots()
    }

    fn completed(&self, request: Completed<'_, Self>) {
        self.seen.count(&request);
        drop(request);
        self.worker.wake();
    }
}

impl EchoClient for TestClient {
    fn notified(&self, what: Notification, _value: u64) {
        assert_eq!(what, Notification::PROGRESS);
        self.seen.notified.fetch_add(1, Ordering::Relaxed);
    }
}
