// SPDX-License-Identifier: MIT OR Apache-2.0

//! A module that keeps a hold of its own binding, and is told by the detach callback
//! to give it up, against threads that have holds of the same binding.

use core::ffi::c_void;
use core::ptr;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use nmr::abi::*;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::{Binding, Call, Client, Hold, Module, ModuleId, PeerModule, Result, Table};

use crate::fake_nmr::{self, Side};
use crate::npi::{ClientTable, MODULE_ID, Numbers, ProviderTable};

type Kept = Arc<Mutex<Option<Hold<Keeper>>>>;

struct Keeper {
    kept: Kept,
}

impl Module for Keeper {
    type Role = Client;
    type Npi = Numbers;
    type Binding = ();
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: () = ();
    // SAFETY: there is no function in the table.
    const TABLE: Table<Self> = unsafe {
        Table::new(
            &const {
                ClientTable {
                    header: Header::of::<ClientTable>(1),
                    complete: None,
                    publish: None,
                }
            },
        )
    };

    fn attach(&self, _: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        Ok(())
    }

    fn accepts_dispatch((): &(), table: &ProviderTable) -> bool {
        table.subscribe.is_some()
    }

    fn attached(&self, call: Call<'_, Self>) {
        *self.kept.lock().expect("no panic") = Some(call.hold());
    }

    fn detaching(&self, binding: &Binding<Self>) {
        assert!(binding.enter().is_none());
        drop(self.kept.lock().expect("no panic").take());
    }
}

/// The provider's side: counts calls, of which there is none after the detach.
struct ProviderSide {
    side: Side,
    called: AtomicUsize,
}

unsafe extern "system" fn subscribe(binding: *mut c_void) -> NTSTATUS {
    // SAFETY: the context given at the attach.
    let provider = unsafe { &*binding.cast::<ProviderSide>() };
    assert_eq!(provider.side.completions(), 0, "called after the detach");
    provider.called.fetch_add(1, Ordering::AcqRel);
    STATUS_SUCCESS
}

static PROVIDER_TABLE: ProviderTable = ProviderTable {
    header: Header::of::<ProviderTable>(1),
    submit: None,
    cancel: None,
    subscribe: Some(subscribe),
};

fn call(hold: &Hold<Keeper>) -> usize {
    let Some(call) = hold.binding().enter() else {
        return 0;
    };
    call.make(|provider| {
        let subscribe = provider.table().subscribe.expect("it was checked");
        // SAFETY: the provider is attached.
        let status = unsafe { subscribe(provider.context()) };
        assert_eq!(status, STATUS_SUCCESS);
    });
    1
}

#[test]
fn a_module_gives_up_its_hold_and_the_detach_ends_once() {
    loom::model(|| {
        let kept = Kept::default();
        let registration = fake_nmr::register(Keeper {
            kept: Arc::clone(&kept),
        });
        let provider = Arc::new(ProviderSide {
            side: Side::new(),
            called: AtomicUsize::new(0),
        });
        let binding = fake_nmr::attach_provider(
            &provider.side,
            ptr::from_ref(&*provider).cast_mut().cast(),
            (&raw const PROVIDER_TABLE).cast(),
        );

        // A worker takes a hold from what the module keeps, if it is there still.
        let worker = thread::spawn({
            let kept = Arc::clone(&kept);
            move || {
                let hold = kept.lock().expect("no panic").as_ref().map(Hold::add_ref);
                hold.as_ref().map_or(0, call)
            }
        });
        let pending = fake_nmr::detach_provider(binding);
        let calls = worker.join().expect("no panic");
        assert_eq!(provider.called.load(Ordering::Acquire), calls);
        assert_eq!(provider.side.completions(), usize::from(pending));
        fake_nmr::clean_up_provider(binding);
        fake_nmr::end(registration);
    });
}
