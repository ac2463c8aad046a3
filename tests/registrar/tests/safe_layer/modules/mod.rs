// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider and a client that mirror the drivers, with threads for system
//! threads.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use nmr::abi::NPI_MODULEID;
use nmr::inbox::{Inbox, Item};
use nmr::irql::PassiveLevel;
use nmr::{Client, InFlight, Module, PeerModule, Provider, Registration};
use nmr::{NtStatus, Result};
use shared_npi::echo::client::{self, EchoClient, ProviderBinding, Ready, Submission};
use shared_npi::echo::provider::{self, Answer, ClientBinding, EchoProvider, Pended, Submitted};
use shared_npi::echo::{
    Capabilities, Characteristics, ClientDispatch, Counters, ECHO_CLIENT_MODULE_ID,
    ECHO_PROVIDER_MODULE_ID, Echo, Notification, ProviderDispatch,
};

/// A thread at `PASSIVE_LEVEL`.
pub(crate) fn passive() -> PassiveLevel<'static> {
    // SAFETY: a test's thread has IRQL 0 outside the callbacks, and no callback
    // calls this.
    unsafe { PassiveLevel::assume() }
}

/// A thread that handles what it is given.
pub(crate) struct Worker<T: Item + 'static> {
    desk: Arc<Desk<T>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What a worker, its thread and a test share.
pub(crate) struct Desk<T: Item> {
    inbox: Inbox<T>,
    stop: AtomicBool,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    called: bool,
    paused: bool,
}

impl<T: Item> Desk<T> {
    /// Keeps the worker from work, or lets it go on.
    pub(crate) fn pause(&self, paused: bool) {
        self.state.lock().expect("no panic").paused = paused;
        self.wake.notify_one();
    }
}

impl<T: Item + 'static> Worker<T> {
    fn start(handle: impl Fn(T) + Send + 'static) -> Self {
        let desk = Arc::new(Desk {
            inbox: Inbox::new(),
            stop: AtomicBool::new(false),
            state: Mutex::default(),
            wake: Condvar::new(),
        });
        let thread = std::thread::spawn({
            let desk = Arc::clone(&desk);
            move || {
                while !desk.stop.load(Ordering::Acquire) {
                    let state = desk.state.lock().expect("no panic");
                    let idle = |state: &mut State| !state.called || state.paused;
                    desk.wake.wait_while(state, idle).expect("no panic").called = false;
                    desk.inbox.take_all().for_each(&handle);
                }
            }
        });
        Self {
            desk,
            thread: Mutex::new(Some(thread)),
        }
    }

    fn add(&self, item: T) {
        self.desk.inbox.add(item);
        self.call();
    }

    fn call(&self) {
        self.desk.state.lock().expect("no panic").called = true;
        self.desk.wake.notify_one();
    }

    /// What outlives the registration.
    pub(crate) fn desk(&self) -> Arc<Desk<T>> {
        Arc::clone(&self.desk)
    }

    /// Ends the thread.
    fn join(&self) {
        self.desk.stop.store(true, Ordering::Release);
        self.call();
        if let Some(thread) = self.thread.lock().expect("no panic").take() {
            thread.join().expect("no panic");
        }
    }
}

impl<T: Item + 'static> Drop for Worker<T> {
    fn drop(&mut self) {
        self.join();
    }
}

/// A provider that keeps three requests in four for its worker.
pub(crate) struct TestProvider {
    pub(crate) counters: Counters,
    pub(crate) worker: Worker<Pended<TestProvider>>,
}

impl TestProvider {
    pub(crate) fn register() -> Registration<Self> {
        let module = Self {
            counters: Counters::new(),
            worker: Worker::start(|request: Pended<Self>| {
                let done = if request.is_cancelled() {
                    request.cancel()
                } else {
                    request.echo()
                };
                done.notify_progress();
            }),
        };
        Registration::register(module, &passive()).expect("NMR has memory")
    }
}

impl Module for TestProvider {
    type Role = Provider;
    type Npi = Echo;
    type Binding = ClientBinding;
    const MODULE_ID: NPI_MODULEID = ECHO_PROVIDER_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(1, 1, Capabilities::KNOWN, Capabilities::empty());
    const DISPATCH: &'static ProviderDispatch = &provider::dispatch::<Self>();

    fn attach(
        &self,
        client: &PeerModule<'_, Echo>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ClientBinding> {
        Ok(ClientBinding::new(
            Self::CHARACTERISTICS.negotiate(client.characteristics()?)?,
        ))
    }

    fn usable(binding: &ClientBinding, table: &ClientDispatch) -> bool {
        table.serves(binding.agreement())
    }
}

impl EchoProvider for TestProvider {
    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call> {
        if request.id().is_multiple_of(4) {
            return request.echo_now();
        }
        let (pended, answer) = request.pend();
        self.worker.add(pended);
        answer
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }
}

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

/// A client that keeps four requests going at each provider.
pub(crate) struct TestClient {
    pub(crate) seen: Arc<Seen>,
    pub(crate) worker: Worker<Ready<TestClient>>,
}

impl TestClient {
    pub(crate) fn register(seen: &Arc<Seen>) -> Registration<Self> {
        let module = Self {
            seen: Arc::clone(seen),
            worker: Worker::start({
                let seen = Arc::clone(seen);
                let id = AtomicU64::new(0);
                move |request| go_round(&seen, id.fetch_add(1, Ordering::Relaxed), request)
            }),
        };
        Registration::register(module, &passive()).expect("NMR has memory")
    }
}

/// Submits a request until the provider keeps it.
fn go_round(seen: &Seen, id: u64, mut request: Ready<TestClient>) {
    if id.is_multiple_of(16) && request.query_statistics().is_ok() {
        seen.queried.fetch_add(1, Ordering::Relaxed);
    }
    for id in id.. {
        match request.submit(id, &id.to_le_bytes()) {
            Submission::Detaching => return,
            Submission::Answered(status, answered) => {
                if status.is_success() {
                    note(seen, &answered);
                }
                request = answered;
                std::thread::yield_now();
            }
            Submission::Pending(call) => {
                if id.is_multiple_of(7) {
                    call.cancel();
                }
                return;
            }
        }
    }
}

fn note(seen: &Seen, request: &Ready<TestClient>) {
    let counter = match request.status() {
        NtStatus::SUCCESS if request.is_echo() => &seen.echoed,
        NtStatus::CANCELLED => &seen.cancelled,
        _ => &seen.wrong,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Module for TestClient {
    type Role = Client;
    type Npi = Echo;
    type Binding = ProviderBinding;
    const MODULE_ID: NPI_MODULEID = ECHO_CLIENT_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(1, 1, Capabilities::KNOWN, Capabilities::empty());
    const DISPATCH: &'static ClientDispatch = &client::dispatch::<Self>();

    fn attach(
        &self,
        provider: &PeerModule<'_, Echo>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ProviderBinding> {
        ProviderBinding::new(
            Self::CHARACTERISTICS.negotiate(provider.characteristics()?)?,
            4,
        )
    }

    fn usable(binding: &ProviderBinding, table: &ProviderDispatch) -> bool {
        table.serves(binding.agreement())
    }

    fn attached(&self, binding: InFlight<Self>) {
        self.seen.attached.fetch_add(1, Ordering::Relaxed);
        client::requests(&binding).for_each(|request| self.worker.add(request));
    }
}

impl EchoClient for TestClient {
    fn completed(&self, request: Ready<Self>) {
        note(&self.seen, &request);
        self.worker.add(request);
    }

    fn notified(&self, what: Notification, _value: u64) {
        assert_eq!(what, Notification::PROGRESS);
        self.seen.notified.fetch_add(1, Ordering::Relaxed);
    }
}
