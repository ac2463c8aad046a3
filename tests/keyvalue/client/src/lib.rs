// SPDX-License-Identifier: MIT OR Apache-2.0

//! `keyvalue_client.sys`: keeps questions in flight to each provider, and checks the values.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;
extern crate wdk_panic;

use core::sync::atomic::{AtomicU64, Ordering};

use keyvalue::{
    CLIENT_MODULE_ID, Characteristics, KeyValue, ProviderDispatch, Question, client_table,
    statistics,
};
use nmr::irql::PassiveLevel;
use nmr::request::{Completed, RequestClient, Slots, Submission, submit};
use nmr::{
    Bindings, Call, Client, Deregistration, Driver, Module, ModuleId, Modules, PeerModule,
    Registered, Registration, Result, Table,
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
    type Modules = Registration<Asker>;

    fn load(entry: wdm::Entry<'_>) -> Result<Self::Modules> {
        let worker = Worker::start(Questions::default(), entry.passive())?;
        entry.register(Asker { worker })
    }

    fn unload(modules: Registered<'_, Self::Modules>) -> <Self::Modules as Modules>::Deregistered {
        let (asker, wait) = modules.deregister();
        let mut asker = match asker {
            Deregistration::Complete(asker) => asker,
            // The worker still runs, but asks no question in a binding that detaches.
            Deregistration::Pending(pending) => pending
                .wait_for_client_deregister_complete(&wait)
                .unwrap_or_else(|failed| failed.bug_check()),
            Deregistration::Failed(failed) => failed.bug_check(),
        };
        if let Some(asker) = asker.module() {
            asker.worker.join(wait.passive());
            let right = asker.worker.right.load(Ordering::Relaxed);
            wdk::println!("keyvalue client: {right} values were right");
        }
        asker
    }
}

/// The number of questions in flight to each provider.
const DEPTH: usize = 4;

/// The bindings to providers.
static PROVIDERS: Bindings<Asker> = Bindings::new();

/// The module, which is NMR's registration context.
struct Asker {
    worker: Worker<Questions>,
}

impl Module for Asker {
    type Role = Client;
    type Npi = KeyValue;
    type Binding = Slots<KeyValue>;

    const MODULE_ID: ModuleId = CLIENT_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = Characteristics::OWN;
    const TABLE: Table<Self> = client_table();

    fn attach(
        &self,
        provider: &PeerModule<'_, Self>,
        _: &PassiveLevel<'_>,
    ) -> Result<Slots<KeyValue>> {
        let versions = provider.characteristics()?.versions;
        Self::CHARACTERISTICS.versions.common(versions)?;
        Slots::new(DEPTH)
    }

    fn accepts_dispatch(_: &Slots<KeyValue>, table: &ProviderDispatch) -> bool {
        table.get.is_some() && table.statistics.is_some()
    }

    fn attached(&self, provider: Call<'_, Self>) {
        provider.add_to_list();
        self.worker.wake();
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&PROVIDERS)
    }
}

impl RequestClient for Asker {
    fn slots(binding: &Slots<KeyValue>) -> &Slots<KeyValue> {
        binding
    }

    fn completed(&self, question: Completed<'_, Self>) {
        self.worker.check(&question);
        drop(question);
        self.worker.wake();
    }

    fn unexpected(&self) {
        wdk::println!("keyvalue client: a provider completed a question that was not asked");
    }
}

/// The work of the driver's thread: asks questions.
#[derive(Default)]
struct Questions {
    /// The next key.
    key: AtomicU64,
    /// The number of values that were three times their key.
    right: AtomicU64,
}

impl Questions {
    fn check(&self, question: &Completed<'_, Asker>) {
        if !question.status().is_success() {
            return;
        }
        if question.value == question.key.wrapping_mul(3) {
            self.right.fetch_add(1, Ordering::Relaxed);
        } else {
            wdk::println!("keyvalue client: a provider returned a wrong value");
        }
    }
}

impl Work for Questions {
    fn run(&self, _running: &Running<'_>) {
        PROVIDERS.for_each(|call| {
            let binding = call.binding();
            let mut next = Some(call);
            for _ in 0..DEPTH {
                let Some(call) = next.filter(|_| binding.context().has_idle()) else {
                    break;
                };
                let question = Question {
                    key: self.key.fetch_add(1, Ordering::Relaxed),
                    ..Question::default()
                };
                match submit(call, question) {
                    Submission::Answered(question) => self.check(&question),
                    Submission::Pending(_) | Submission::NoSlot(_) => {}
                }
                next = binding.enter();
            }
            if let Some(call) = binding.enter()
                && statistics(call).is_err()
            {
                wdk::println!("keyvalue client: a provider has no statistics");
            }
        });
    }
}
