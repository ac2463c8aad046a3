// SPDX-License-Identifier: MIT OR Apache-2.0

//! The list of bindings: a walk, against the detach and the cleanup of what is
//! listed.

use core::ffi::c_void;
use core::ptr;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use nmr::abi::*;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::{
    Binding, Bindings, Call, Module, ModuleId, NtStatus, PeerModule, Provider, Result, Table,
};

use crate::fake_nmr::{self, Context, Side};
use crate::npi::{ClientTable, MODULE_ID, Numbers, ProviderTable};

struct Source {
    subscribers: Arc<Bindings<Source>>,
}

impl Module for Source {
    type Role = Provider;
    type Npi = Numbers;
    type Binding = ();
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: () = ();
    // SAFETY: the function is one of a `Source`.
    const TABLE: Table<Self> = unsafe {
        Table::new(
            &const {
                ProviderTable {
                    header: Header::of::<ProviderTable>(1),
                    submit: None,
                    cancel: None,
                    subscribe: Some(subscribe::<Source>),
                }
            },
        )
    };

    fn attach(&self, _: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result {
        Ok(())
    }

    fn accepts_dispatch((): &(), table: &ClientTable) -> bool {
        table.publish.is_some()
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&self.subscribers)
    }
}

nmr::dispatch_fn! {
    fn subscribe[M: Module](binding: &Binding<M>) -> NTSTATUS {
        let Some(call) = binding.enter() else {
            return NtStatus::DEVICE_NOT_READY.0;
        };
        call.add_to_list();
        NtStatus::SUCCESS.0
    }
}

fn publish_to(call: Call<'_, Source>) {
    call.make(|monitor| {
        let publish = monitor.table().publish.expect("it was checked");
        // SAFETY: the monitor is attached.
        unsafe { publish(monitor.context()) };
    });
}

/// The monitor's side: how often it was called, and that it may be.
struct Monitor {
    side: Side,
    called: AtomicUsize,
}

unsafe extern "system" fn publish(binding: *mut c_void) {
    // SAFETY: the context given at the attach.
    let monitor = unsafe { &*binding.cast::<Monitor>() };
    assert_eq!(monitor.side.completions(), 0, "called after the detach");
    monitor.called.fetch_add(1, Ordering::AcqRel);
}

static CLIENT_TABLE: ClientTable = ClientTable {
    header: Header::of::<ClientTable>(1),
    complete: None,
    publish: Some(publish),
};

fn attach(monitor: &Monitor) -> Context {
    let (binding, table) = fake_nmr::attach_client(
        &monitor.side,
        ptr::from_ref(monitor).cast_mut().cast(),
        (&raw const CLIENT_TABLE).cast(),
    );
    // SAFETY: the table lives as long as the module's type.
    let subscribe = unsafe { (*table.cast::<ProviderTable>()).subscribe };
    // SAFETY: the binding is attached.
    let status = unsafe { subscribe.expect("set")(binding.get()) };
    assert_eq!(status, STATUS_SUCCESS);
    binding
}

#[test]
fn a_walk_meets_no_binding_that_is_gone() {
    loom::model(|| {
        let subscribers = Arc::new(Bindings::new());
        let registration = fake_nmr::register(Source {
            subscribers: Arc::clone(&subscribers),
        });
        let monitors = [(); 2].map(|()| {
            Arc::new(Monitor {
                side: Side::new(),
                called: AtomicUsize::new(0),
            })
        });
        let [first, second] = monitors.each_ref().map(|monitor| attach(monitor));

        let walk = thread::spawn(move || subscribers.for_each(publish_to));
        // One binding goes at once, unless the walk has a call through it: the walk
        // goes on.
        let pending = fake_nmr::detach_client(first);
        if !pending {
            fake_nmr::clean_up_client(first);
        }
        walk.join().expect("no panic");
        assert_eq!(monitors[0].side.completions(), usize::from(pending));
        assert!(monitors[0].called.load(Ordering::Acquire) <= 1);
        // The other one was there all the time.
        assert_eq!(monitors[1].called.load(Ordering::Acquire), 1);
        assert!(!fake_nmr::detach_client(second));
        if pending {
            fake_nmr::clean_up_client(first);
        }
        fake_nmr::clean_up_client(second);
        fake_nmr::end(registration);
    });
}
