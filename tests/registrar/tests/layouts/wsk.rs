// SPDX-License-Identifier: MIT OR Apache-2.0

//! The shape of Winsock Kernel: `Version` and a reserved word first, characteristics of
//! the provider only, a client's table that may be null, one provider.
//!
//! A client that detaches must still close its sockets, and its detach is complete when
//! it has: a socket holds the binding.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/network/attaching-the-wsk-client-to-the-wsk-subsystem>

use core::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nmr::abi::{GUID, NPIID, NTSTATUS, STATUS_NOINTERFACE, STATUS_SUCCESS};
use nmr::dispatch::{Out, Value};
use nmr::irql::PassiveLevel;
use nmr::layout::{Absent, Check, Optional, Required};
use nmr::{
    Binding, Bindings, Call, Client, Hold, Module, ModuleId, Npi, NtStatus, PeerModule, Peers,
    Provider, Result, Table, c_struct, dispatch_fn,
};

use crate::Nmr;
use crate::foreign::Foreign;
use crate::life::{Pause, end_client, end_provider, pended_detaches, register};

static ID: NPIID = GUID::from_u128(0x2a77_0001_0000_4000_8000_0000_0000_0001);

/// `MAKE_WSK_VERSION(1, 0)`.
const VERSION_1_0: u16 = 0x0100;

/// Version 1, with any minor version.
const VERSION: Check = Check::version_first(VERSION_1_0, 0x01FF);

c_struct! {
    struct Versions: Check::NONE {
        highest: u16,
        lowest: u16,
    }
}

type Event = unsafe extern "system" fn(client: *mut c_void, event: u32) -> NTSTATUS;
type Control = unsafe extern "system" fn(subsystem: *mut c_void, code: u32) -> NTSTATUS;
type Socket = unsafe extern "system" fn(subsystem: *mut c_void, socket: *mut u64) -> NTSTATUS;
type Close = unsafe extern "system" fn(subsystem: *mut c_void, socket: u64) -> NTSTATUS;

c_struct! {
    struct ClientDispatch: VERSION {
        version: u16,
        reserved: u16,
        /// Null if the client wants no events.
        event: Option<Event>,
    }
}

c_struct! {
    struct ProviderDispatch: VERSION {
        version: u16,
        reserved: u16,
        control: Option<Control>,
        socket: Option<Socket>,
        close: Option<Close>,
    }
}

enum Wsk {}

// SAFETY: all modules with this identity are here.
unsafe impl Npi for Wsk {
    const ID: NPIID = ID;
    type ClientCharacteristics = Absent;
    type ProviderCharacteristics = Required<Versions>;
    type ClientDispatch = Optional<ClientDispatch>;
    type ProviderDispatch = Required<ProviderDispatch>;
}

/// What the provider shares with the test.
#[derive(Default)]
struct Subsystem {
    pause: Pause,
    last: AtomicU64,
    open: AtomicUsize,
}

struct SubsystemModule(Arc<Subsystem>);

impl Module for SubsystemModule {
    type Role = Provider;
    type Npi = Wsk;
    type Binding = ();
    const MODULE_ID: ModuleId = ModuleId::Guid(GUID::from_u128(1));
    const CHARACTERISTICS: &'static Versions = &Versions {
        highest: 0x0101,
        lowest: VERSION_1_0,
    };
    const TABLE: Table<Self> = {
        let table = const {
            &ProviderDispatch {
                version: VERSION_1_0,
                reserved: 0,
                control: Some(control),
                socket: Some(socket),
                close: Some(close),
            }
        };
        // SAFETY: the functions are those of this module.
        unsafe { Table::new(table) }
    };

    fn attach(&self, client: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        let () = client.characteristics()?;
        Ok(())
    }

    fn accepts_dispatch((): &(), _table: Option<&ClientDispatch>) -> bool {
        true
    }
}

dispatch_fn! {
    /// Pauses, and sends the client `code` as an event, unless it wants none.
    fn control(binding: &Binding<SubsystemModule>, code: Value<u32>) -> NTSTATUS {
        binding.module().0.pause.pass();
        let Some(call) = binding.enter() else {
            return NtStatus::DEVICE_NOT_READY.0;
        };
        call.make(|client| match client.table().and_then(|table| table.event) {
            // SAFETY: the client is attached.
            Some(event) => unsafe { event(client.context(), code.0) },
            None => STATUS_NOINTERFACE,
        })
    }
}

dispatch_fn! {
    fn socket(binding: &Binding<SubsystemModule>, socket: Out<'call, u64>) -> NTSTATUS {
        let subsystem = &binding.module().0;
        subsystem.open.fetch_add(1, Ordering::Relaxed);
        socket.write(subsystem.last.fetch_add(1, Ordering::Relaxed) + 1);
        STATUS_SUCCESS
    }
}

dispatch_fn! {
    fn close(binding: &Binding<SubsystemModule>, socket: Value<u64>) -> NTSTATUS {
        assert_ne!(socket.0, 0);
        binding.module().0.open.fetch_sub(1, Ordering::Relaxed);
        STATUS_SUCCESS
    }
}

/// What a client shares with the test.
struct Application<const EVENTS: bool> {
    providers: Bindings<ApplicationModule<EVENTS>>,
    pause: Pause,
    attached: AtomicUsize,
    rejected: AtomicUsize,
    events: AtomicUsize,
}

impl<const EVENTS: bool> Application<EVENTS> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            providers: Bindings::new(),
            pause: Pause::default(),
            attached: AtomicUsize::new(0),
            rejected: AtomicUsize::new(0),
            events: AtomicUsize::new(0),
        })
    }

    /// Asks each provider for an event; what the last returns.
    fn control(&self) -> Option<NTSTATUS> {
        let mut answer = None;
        self.providers.for_each(|call| {
            answer = call.make(|subsystem| {
                let control = subsystem.table().control?;
                // SAFETY: the provider is attached.
                Some(unsafe { control(subsystem.context(), 7) })
            });
        });
        answer
    }

    /// Opens a socket with each provider.
    fn open(&self) -> Vec<OpenSocket<EVENTS>> {
        let mut sockets = Vec::new();
        self.providers.for_each(|call| {
            let hold = call.hold();
            let mut handle = 0;
            let status = call.make(|subsystem| match subsystem.table().socket {
                // SAFETY: the provider is attached; the place is there during the call.
                Some(socket) => unsafe { socket(subsystem.context(), &raw mut handle) },
                None => STATUS_NOINTERFACE,
            });
            assert_eq!(status, STATUS_SUCCESS);
            sockets.push(OpenSocket { hold, handle });
        });
        sockets
    }
}

/// A socket keeps its binding attached until it is closed.
struct OpenSocket<const EVENTS: bool> {
    hold: Hold<ApplicationModule<EVENTS>>,
    handle: u64,
}

impl<const EVENTS: bool> OpenSocket<EVENTS> {
    fn close(self) -> Option<NTSTATUS> {
        let close = |subsystem: nmr::Peer<'_, _>| {
            let table: &ProviderDispatch = subsystem.table();
            // SAFETY: the provider is attached, and the socket is closed once.
            table
                .close
                .map(|close| unsafe { close(subsystem.context(), self.handle) })
        };
        // SAFETY: held since the call that has opened the socket; by the contract of WSK a
        // client that detaches closes what it has opened.
        unsafe { self.hold.complete(close) }
    }
}

struct ApplicationModule<const EVENTS: bool>(Arc<Application<EVENTS>>);

impl<const EVENTS: bool> Module for ApplicationModule<EVENTS> {
    type Role = Client;
    type Npi = Wsk;
    type Binding = ();
    const MODULE_ID: ModuleId = ModuleId::Guid(GUID::from_u128(2));
    const CHARACTERISTICS: () = ();
    const TABLE: Table<Self> = if EVENTS {
        let table = const {
            &ClientDispatch {
                version: VERSION_1_0,
                reserved: 0,
                event: Some(event::<EVENTS>),
            }
        };
        // SAFETY: the function is that of this module.
        unsafe { Table::new(Some(table)) }
    } else {
        Table::NONE
    };
    const PEERS: Peers = Peers::One;

    fn attach(&self, subsystem: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        let offered = subsystem.characteristics()?;
        if (offered.lowest..=offered.highest).contains(&VERSION_1_0) {
            Ok(())
        } else {
            Err(NtStatus::NOINTERFACE)
        }
    }

    fn accepts_dispatch((): &(), table: &ProviderDispatch) -> bool {
        table.control.is_some() && table.socket.is_some() && table.close.is_some()
    }

    fn attached(&self, call: Call<'_, Self>) {
        call.add_to_list();
        self.0.attached.fetch_add(1, Ordering::Relaxed);
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&self.0.providers)
    }

    fn dispatch_rejected(&self) {
        self.0.rejected.fetch_add(1, Ordering::Relaxed);
    }
}

/// The client's event. IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// As for every function of a dispatch table.
unsafe extern "system" fn event<const EVENTS: bool>(context: *mut c_void, event: u32) -> NTSTATUS {
    // SAFETY: by this function's contract.
    let binding = unsafe { Binding::<ApplicationModule<EVENTS>>::from_context(context) };
    let application = &binding.module().0;
    application.pause.pass();
    assert_eq!(event, 7);
    application.events.fetch_add(1, Ordering::Relaxed);
    STATUS_SUCCESS
}

#[test]
fn a_client_with_a_table_gets_events_and_one_without_does_not() {
    let nmr = Nmr::alone(1);
    let provider = register(SubsystemModule(Arc::default()));
    let with = Application::<true>::new();
    let client = register(ApplicationModule(Arc::clone(&with)));
    assert_eq!(with.control(), Some(STATUS_SUCCESS));
    assert_eq!(with.events.load(Ordering::Relaxed), 1);
    let without = Application::<false>::new();
    let other = register(ApplicationModule(Arc::clone(&without)));
    assert_eq!(without.control(), Some(STATUS_NOINTERFACE));
    end_provider(provider, || ());
    end_client(client, || ());
    end_client(other, || ());
    assert_eq!(with.control(), None);
    nmr.finish();
}

#[test]
fn a_client_takes_one_provider_and_another_after_it() {
    let nmr = Nmr::alone(2);
    let application = Application::<true>::new();
    let client = register(ApplicationModule(Arc::clone(&application)));
    let first = register(SubsystemModule(Arc::default()));
    let second = register(SubsystemModule(Arc::default()));
    assert_eq!(application.attached.load(Ordering::Relaxed), 1);
    end_provider(first, || ());
    // NMR does not offer the second again.
    assert_eq!(application.control(), None);
    let third = register(SubsystemModule(Arc::default()));
    assert_eq!(application.attached.load(Ordering::Relaxed), 2);
    end_client(client, || ());
    end_provider(second, || ());
    end_provider(third, || ());
    nmr.finish();
}

const RANGE: Versions = Versions {
    highest: 0x0101,
    lowest: VERSION_1_0,
};

const fn provider_table(version: u16) -> ProviderDispatch {
    ProviderDispatch {
        version,
        reserved: 0,
        control: Some(control),
        socket: Some(socket),
        close: Some(close),
    }
}

/// How a client of `nmr` takes a foreign provider: the numbers of its bindings and of its
/// rejected tables.
fn client_meets(provider: Foreign<'_>) -> (usize, usize) {
    let nmr = Nmr::alone(3);
    let application = Application::<true>::new();
    provider.provider(|_| {
        let client = register(ApplicationModule(Arc::clone(&application)));
        end_client(client, || ());
    });
    nmr.finish();
    (
        application.attached.load(Ordering::Relaxed),
        application.rejected.load(Ordering::Relaxed),
    )
}

#[test]
fn a_client_refuses_what_is_no_wsk_it_knows() {
    let right = provider_table(0x0105);
    let provider = Foreign::new(&ID).saying(&RANGE).with_table(&right);
    assert_eq!(client_meets(provider), (1, 0));

    let older = Versions {
        highest: 0x0003,
        lowest: 0x0001,
    };
    assert_eq!(client_meets(provider.saying(&older)), (0, 0));
    let silent = Foreign::new(&ID).with_table(&right);
    assert_eq!(client_meets(silent), (0, 0));

    let newer = provider_table(0x0200);
    assert_eq!(client_meets(provider.with_table(&newer)), (0, 1));
    let without_close = ProviderDispatch {
        close: None,
        ..provider_table(VERSION_1_0)
    };
    assert_eq!(client_meets(provider.with_table(&without_close)), (0, 1));
    let mut without_context = provider;
    without_context.context = ptr::null_mut();
    assert_eq!(client_meets(without_context), (0, 1));
    let without_table = Foreign::new(&ID).saying(&RANGE);
    assert_eq!(client_meets(without_table), (0, 1));
}

/// What a provider of `nmr` answers to a foreign client.
fn provider_meets(client: Foreign<'_>) -> NTSTATUS {
    let nmr = Nmr::alone(4);
    let provider = register(SubsystemModule(Arc::default()));
    let mut status = None;
    client.client(|client| status = Some(client.peer().status));
    end_provider(provider, || ());
    nmr.finish();
    status.expect("the client was registered")
}

#[test]
fn a_provider_takes_a_null_table_and_refuses_one_of_another_version() {
    assert_eq!(provider_meets(Foreign::new(&ID)), STATUS_SUCCESS);
    let without_events = |version| ClientDispatch {
        version,
        reserved: 0,
        event: None,
    };
    let right = without_events(VERSION_1_0);
    let client = Foreign::new(&ID).with_table(&right);
    assert_eq!(provider_meets(client), STATUS_SUCCESS);
    let newer = without_events(0x0200);
    assert_eq!(
        provider_meets(client.with_table(&newer)),
        STATUS_NOINTERFACE
    );
    let mut without_context = client;
    without_context.context = ptr::null_mut();
    assert_eq!(provider_meets(without_context), STATUS_NOINTERFACE);
}

#[test]
fn a_client_that_unloads_waits_for_its_call() {
    for seed in 0..32 {
        let nmr = Nmr::alone(seed);
        let subsystem = Arc::new(Subsystem::default());
        let provider = register(SubsystemModule(Arc::clone(&subsystem)));
        let application = Application::<true>::new();
        let client = register(ApplicationModule(Arc::clone(&application)));
        subsystem.pause.arm();
        let caller = {
            let application = Arc::clone(&application);
            thread::spawn(move || application.control())
        };
        subsystem.pause.reached();
        end_client(client, || {
            assert_eq!(pended_detaches(), (1, 0));
            subsystem.pause.end();
        });
        // The event depends on whether the provider's detach callback has been called.
        match caller.join().expect("no panic") {
            Some(STATUS_SUCCESS) => assert_eq!(application.events.load(Ordering::Relaxed), 1),
            answer => assert_eq!(answer, Some(NtStatus::DEVICE_NOT_READY.0)),
        }
        end_provider(provider, || ());
        nmr.finish();
    }
}

#[test]
fn a_provider_that_unloads_waits_for_its_event() {
    for seed in 0..32 {
        let nmr = Nmr::alone(seed);
        let provider = register(SubsystemModule(Arc::default()));
        let application = Application::<true>::new();
        let client = register(ApplicationModule(Arc::clone(&application)));
        application.pause.arm();
        let caller = {
            let application = Arc::clone(&application);
            thread::spawn(move || application.control())
        };
        application.pause.reached();
        end_provider(provider, || {
            // Both sides are in flight, and the detach of one may wait for the other's.
            let (client, provider) = pended_detaches();
            assert!(client + provider > 0);
            application.pause.end();
        });
        assert_eq!(caller.join().expect("no panic"), Some(STATUS_SUCCESS));
        end_client(client, || ());
        nmr.finish();
    }
}

#[test]
fn a_socket_is_closed_while_its_client_detaches() {
    for seed in 0..32 {
        let nmr = Nmr::alone(seed);
        let subsystem = Arc::new(Subsystem::default());
        let provider = register(SubsystemModule(Arc::clone(&subsystem)));
        let application = Application::<false>::new();
        let client = register(ApplicationModule(Arc::clone(&application)));
        let sockets = Mutex::new(application.open());
        assert_eq!(subsystem.open.load(Ordering::Relaxed), 1);
        end_client(client, || {
            assert_eq!(pended_detaches(), (1, 0));
            assert_eq!(application.control(), None);
            for socket in sockets
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .drain(..)
            {
                assert_eq!(socket.close(), Some(STATUS_SUCCESS));
            }
        });
        assert_eq!(subsystem.open.load(Ordering::Relaxed), 0);
        end_provider(provider, || ());
        nmr.finish();
    }
}
