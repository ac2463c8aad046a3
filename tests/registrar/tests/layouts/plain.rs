// SPDX-License-Identifier: MIT OR Apache-2.0

//! An NPI with nothing but an identity and one table of the provider: no characteristics,
//! no table of the client, no header.

use core::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nmr::abi::{GUID, NPIID, NTSTATUS, STATUS_NOINTERFACE, STATUS_SUCCESS};
use nmr::dispatch::{Out, Value};
use nmr::irql::PassiveLevel;
use nmr::layout::{Absent, Check, Required};
use nmr::{
    Binding, Bindings, Call, Client, Module, ModuleId, Npi, PeerModule, Provider, Result, Table,
    c_struct, dispatch_fn,
};

use crate::Nmr;
use crate::foreign::Foreign;
use crate::life::{Pause, end_client, end_provider, pended_detaches, register};

static ID: NPIID = GUID::from_u128(0x2a77_0004_0000_4000_8000_0000_0000_0001);

type Add = unsafe extern "system" fn(adder: *mut c_void, number: u64, sum: *mut u64) -> NTSTATUS;

c_struct! {
    struct Functions: Check::NONE {
        add: Option<Add>,
    }
}

enum Plain {}

// SAFETY: all modules with this identity are here.
unsafe impl Npi for Plain {
    const ID: NPIID = ID;
    type ClientCharacteristics = Absent;
    type ProviderCharacteristics = Absent;
    type ClientDispatch = Absent;
    type ProviderDispatch = Required<Functions>;
}

struct Adder(Arc<Pause>);

impl Module for Adder {
    type Role = Provider;
    type Npi = Plain;
    type Binding = ();
    const MODULE_ID: ModuleId = ModuleId::Guid(GUID::from_u128(1));
    const CHARACTERISTICS: () = ();
    const TABLE: Table<Self> = {
        // SAFETY: the function is that of this module.
        unsafe { Table::new(const { &Functions { add: Some(add) } }) }
    };

    fn attach(&self, _client: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        Ok(())
    }

    fn accepts_dispatch((): &(), (): ()) -> bool {
        true
    }
}

dispatch_fn! {
    fn add(binding: &Binding<Adder>, number: Value<u64>, sum: Out<'call, u64>) -> NTSTATUS {
        binding.module().0.pass();
        sum.write(number.0 + 1);
        STATUS_SUCCESS
    }
}

struct Counting {
    adders: Bindings<Counter>,
    rejected: AtomicUsize,
}

impl Counting {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            adders: Bindings::new(),
            rejected: AtomicUsize::new(0),
        })
    }

    /// Has each provider add 1 to `number`.
    fn add(&self, mut number: u64) -> u64 {
        self.adders.for_each(|call| {
            call.make(|adder| {
                let add = adder.table().add.expect("the table was accepted");
                // SAFETY: the provider is attached; the place is there during the call.
                let status = unsafe { add(adder.context(), number, &raw mut number) };
                assert_eq!(status, STATUS_SUCCESS);
            });
        });
        number
    }
}

struct Counter(Arc<Counting>);

impl Module for Counter {
    type Role = Client;
    type Npi = Plain;
    type Binding = ();
    const MODULE_ID: ModuleId = ModuleId::Guid(GUID::from_u128(2));
    const CHARACTERISTICS: () = ();
    const TABLE: Table<Self> = Table::NONE;

    fn attach(&self, _provider: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        Ok(())
    }

    fn accepts_dispatch((): &(), table: &Functions) -> bool {
        table.add.is_some()
    }

    fn attached(&self, call: Call<'_, Self>) {
        call.add_to_list();
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&self.0.adders)
    }

    fn dispatch_rejected(&self) {
        self.0.rejected.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn each_client_calls_each_provider() {
    let nmr = Nmr::alone(1);
    let counting = Counting::new();
    let client = register(Counter(Arc::clone(&counting)));
    let first = register(Adder(Arc::default()));
    let second = register(Adder(Arc::default()));
    assert_eq!(counting.add(40), 42);
    end_provider(first, || ());
    assert_eq!(counting.add(40), 41);
    end_client(client, || ());
    assert_eq!(counting.add(40), 40);
    end_provider(second, || ());
    nmr.finish();
}

#[test]
fn what_an_npi_does_not_define_is_not_looked_at() {
    let nmr = Nmr::alone(2);
    let provider = register(Adder(Arc::default()));
    let mut client = Foreign::new(&ID);
    // Neither is a structure.
    client.dispatch = ptr::without_provenance(1);
    client.characteristics = ptr::without_provenance(3);
    client.client(|client| assert_eq!(client.peer().status, STATUS_SUCCESS));
    client.context = ptr::null_mut();
    client.client(|client| assert_eq!(client.peer().status, STATUS_NOINTERFACE));
    end_provider(provider, || ());
    nmr.finish();
}

#[test]
fn a_client_refuses_a_missing_table_function_and_context() {
    let (right, empty) = (Functions { add: Some(add) }, Functions { add: None });
    let provider = Foreign::new(&ID).with_table(&right);
    let mut without_context = provider;
    without_context.context = ptr::null_mut();
    let mut misaligned = provider;
    misaligned.dispatch = ptr::from_ref(&right).wrapping_byte_add(1).cast();
    for (provider, rejected) in [
        (provider, 0),
        (provider.with_table(&empty), 1),
        (Foreign::new(&ID), 1),
        (misaligned, 1),
        (without_context, 1),
    ] {
        let nmr = Nmr::alone(3);
        let counting = Counting::new();
        provider.provider(|provider| {
            let client = register(Counter(Arc::clone(&counting)));
            let peer = provider.peer();
            assert!(!peer.context.is_null() && peer.dispatch.is_null());
            end_client(client, || ());
        });
        nmr.finish();
        assert_eq!(counting.rejected.load(Ordering::Relaxed), rejected);
    }
}

#[test]
fn a_detach_waits_for_a_call() {
    for seed in 0..32 {
        let client_goes = seed % 2 == 0;
        let nmr = Nmr::alone(seed);
        let pause = Arc::new(Pause::default());
        let counting = Counting::new();
        let provider = register(Adder(Arc::clone(&pause)));
        let client = register(Counter(Arc::clone(&counting)));
        pause.arm();
        let caller = {
            let counting = Arc::clone(&counting);
            thread::spawn(move || counting.add(1))
        };
        pause.reached();
        let meanwhile = || {
            assert_eq!(pended_detaches(), (1, 0));
            pause.end();
        };
        if client_goes {
            end_client(client, meanwhile);
            end_provider(provider, || ());
        } else {
            end_provider(provider, meanwhile);
            end_client(client, || ());
        }
        assert_eq!(caller.join().expect("no panic"), 2);
        nmr.finish();
    }
}
