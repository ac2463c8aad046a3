// SPDX-License-Identifier: MIT OR Apache-2.0

//! `keyvalue_provider.sys`: answers each question later, with three times its key.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;
extern crate wdk_panic;

use core::sync::atomic::{AtomicU64, Ordering};

use keyvalue::{
    Characteristics, ClientDispatch, KeyValue, KeyValueProvider, PROVIDER_MODULE_ID, Statistics,
    provider_table,
};
use nmr::inbox::Inbox;
use nmr::irql::PassiveLevel;
use nmr::request::{Answer, Pended, RequestLimit, RequestProvider, Submitted};
use nmr::{
    Deregistration, Driver, Module, ModuleId, Modules, NtStatus, PeerModule, Provider, Registered,
    Registration, Result, Table,
};
use wdk_alloc::WdkAllocator;
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};
use wdm::worker::{Running, Work, Worker};

#[global_allocator]
static ALLOCATOR: WdkAllocator = WdkAllocator;

/// `DriverEntry`. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// The I/O manager calls this once.
// The linker expects the entry point under this name. No other symbol has it.
#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: this is `DriverEntry`, called once, and these are its arguments.
    unsafe { wdm::driver_entry::<KeyValueDriver>(driver, registry_path) }
}

enum KeyValueDriver {}

impl Driver for KeyValueDriver {
    type Entry<'entry> = wdm::Entry<'entry>;
    type Modules = Registration<Store>;

    fn load(entry: wdm::Entry<'_>) -> Result<Self::Modules> {
        let worker = Worker::start(Answerer::default(), entry.passive())?;
        entry.register(Store { worker })
    }

    fn unload(modules: Registered<'_, Self::Modules>) -> <Self::Modules as Modules>::Deregistered {
        let (store, wait) = modules.deregister();
        let mut store = match store {
            Deregistration::Complete(store) => store,
            // The worker answers the questions in flight meanwhile.
            Deregistration::Pending(pending) => pending
                .wait_for_provider_deregister_complete(&wait)
                .unwrap_or_else(|failed| failed.bug_check()),
            Deregistration::Failed(failed) => failed.bug_check(),
        };
        if let Some(store) = store.module() {
            store.worker.join(wait.passive());
        }
        store
    }
}

/// The maximum number of pending questions of a client.
const MAX_PENDING: u32 = 8;

/// The module, which is NMR's registration context.
struct Store {
    worker: Worker<Answerer>,
}

impl Module for Store {
    type Role = Provider;
    type Npi = KeyValue;
    type Binding = RequestLimit;

    const MODULE_ID: ModuleId = PROVIDER_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = Characteristics::OWN;
    const TABLE: Table<Self> = provider_table();

    fn attach(&self, client: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result<RequestLimit> {
        let versions = client.characteristics()?.versions;
        Self::CHARACTERISTICS.versions.common(versions)?;
        Ok(RequestLimit::new(MAX_PENDING))
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
        self.worker.questions.add(pended);
        self.worker.wake();
        answer
    }
}

impl KeyValueProvider for Store {
    fn statistics(&self) -> Statistics {
        Statistics::new(self.worker.answered.load(Ordering::Relaxed))
    }
}

/// The work of the driver's thread: answers questions.
#[derive(Default)]
struct Answerer {
    questions: Inbox<Pended<Store>>,
    answered: AtomicU64,
}

impl Work for Answerer {
    fn run(&self, running: &Running<'_>) {
        // Questions gather during the pause, so that several are in flight.
        running.pause(1);
        for mut question in self.questions.take_all() {
            question.value = question.key.wrapping_mul(3);
            self.answered.fetch_add(1, Ordering::Relaxed);
            question.complete(NtStatus::SUCCESS);
        }
    }
}
