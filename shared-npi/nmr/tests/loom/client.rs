// SPDX-License-Identifier: MIT OR Apache-2.0

//! The client's end of a request: the two ends of a pended one on two threads, and
//! the detach callback.

use core::ffi::c_void;
use core::ptr;
use std::sync::Mutex;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use loom::thread;
use nmr::abi::*;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::request::{Completed, RequestClient, Slots, Submission, dispatch_complete, submit};
use nmr::{Call, Client, Hold, Module, ModuleId, PeerModule, Result, Table};

use crate::fake_nmr::{self, Context, Side};
use crate::npi::{self, ClientTable, MODULE_ID, Numbers, ProviderTable, Request};

struct Sample {
    /// The binding, once it is attached.
    attached: Arc<Mutex<Option<Hold<Sample>>>>,
    completed: Arc<AtomicUsize>,
}

impl Module for Sample {
    type Role = Client;
    type Npi = Numbers;
    type Binding = Slots<Numbers>;
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: () = ();
    // SAFETY: the function is one of a `Sample`.
    const TABLE: Table<Self> = unsafe {
        Table::new(
            &const {
                ClientTable {
                    header: Header::of::<ClientTable>(1),
                    complete: Some(dispatch_complete::<Sample>),
                    publish: None,
                }
            },
        )
    };

    fn attach(&self, _: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result<Slots<Numbers>> {
        Slots::new(1)
    }

    fn accepts_dispatch(_slots: &Slots<Numbers>, table: &ProviderTable) -> bool {
        table.submit.is_some()
    }

    fn attached(&self, call: Call<'_, Self>) {
        *self.attached.lock().expect("no panic") = Some(call.hold());
    }
}

impl RequestClient for Sample {
    fn slots(slots: &Slots<Numbers>) -> &Slots<Numbers> {
        slots
    }

    fn completed(&self, request: Completed<'_, Self>) {
        assert_eq!(request.number, 7);
        assert!(!request.binding().context().has_idle());
        self.completed.fetch_add(1, Ordering::AcqRel);
    }

    fn unexpected(&self) {
        panic!("the provider completes what it has, once");
    }
}

/// The provider's side: keeps the one request that it may be given.
struct ProviderSide {
    kept: AtomicPtr<Request>,
}

unsafe extern "system" fn keep(binding: *mut c_void, request: *mut Request) -> NTSTATUS {
    // SAFETY: the context given at the attach.
    let side = unsafe { &*binding.cast::<ProviderSide>() };
    let before = side.kept.swap(request, Ordering::AcqRel);
    assert!(before.is_null());
    STATUS_PENDING
}

unsafe extern "system" fn cancel(_binding: *mut c_void, _request: *mut Request) {}

static PROVIDER_TABLE: ProviderTable = ProviderTable {
    header: Header::of::<ProviderTable>(1),
    submit: Some(keep),
    cancel: Some(cancel),
    subscribe: None,
};

/// Completes the request that the provider keeps. Returns the number of completions.
fn complete(side: &ProviderSide, binding: Context) -> usize {
    let request = side.kept.swap(ptr::null_mut(), Ordering::AcqRel);
    if request.is_null() {
        return 0;
    }
    // SAFETY: a pended request is completed once; the provider has not detached, so
    // that the binding lives.
    unsafe { dispatch_complete::<Sample>(binding.get(), request) };
    1
}

/// Submits a request, unless the binding detaches. Returns the number of submissions.
fn submit_one(hold: &Hold<Sample>) -> usize {
    let Some(call) = hold.binding().enter() else {
        return 0;
    };
    match submit(call, npi::body(7)) {
        Submission::Pending(pending) => {
            pending.cancel();
            1
        }
        Submission::Answered(_) => unreachable!("the provider pends"),
        Submission::NoSlot(_) => unreachable!("the slot is idle"),
    }
}

#[test]
fn a_request_comes_back_once_and_the_detach_ends_once() {
    loom::model(|| {
        let provider = Arc::new(ProviderSide {
            kept: AtomicPtr::new(ptr::null_mut()),
        });
        let attached = Arc::new(Mutex::new(None));
        let completed = Arc::new(AtomicUsize::new(0));
        let registration = fake_nmr::register(Sample {
            attached: Arc::clone(&attached),
            completed: Arc::clone(&completed),
        });
        let side = Arc::new(Side::new());
        let binding = fake_nmr::attach_provider(
            &side,
            ptr::from_ref(&*provider).cast_mut().cast(),
            (&raw const PROVIDER_TABLE).cast(),
        );
        let hold = attached.lock().expect("no panic").take().expect("attached");

        // One thread submits, one completes, NMR detaches.
        let caller = thread::spawn(move || submit_one(&hold));
        let finisher = {
            let provider = Arc::clone(&provider);
            thread::spawn(move || complete(&provider, binding))
        };
        let pending = fake_nmr::detach_provider(binding);

        let submitted = caller.join().expect("no panic");
        let mut completions = finisher.join().expect("no panic");
        assert!(completions == 1 || side.completions() == usize::from(pending && submitted == 0));
        completions += complete(&provider, binding);
        assert_eq!(completions, submitted);
        assert_eq!(completed.load(Ordering::Acquire), submitted);
        assert_eq!(side.completions(), usize::from(pending));

        fake_nmr::clean_up_provider(binding);
        fake_nmr::end(registration);
    });
}

#[test]
fn a_slot_is_idle_again_for_the_next_request() {
    loom::model(|| {
        let provider = Arc::new(ProviderSide {
            kept: AtomicPtr::new(ptr::null_mut()),
        });
        let attached = Arc::new(Mutex::new(None));
        let completed = Arc::new(AtomicUsize::new(0));
        let registration = fake_nmr::register(Sample {
            attached: Arc::clone(&attached),
            completed: Arc::clone(&completed),
        });
        let side = Arc::new(Side::new());
        let binding = fake_nmr::attach_provider(
            &side,
            ptr::from_ref(&*provider).cast_mut().cast(),
            (&raw const PROVIDER_TABLE).cast(),
        );
        let hold = attached.lock().expect("no panic").take().expect("attached");

        let finisher = {
            let provider = Arc::clone(&provider);
            thread::spawn(move || complete(&provider, binding))
        };
        assert_eq!(submit_one(&hold), 1);
        let early = finisher.join().expect("no panic");
        assert_eq!(early + complete(&provider, binding), 1);
        // Both ends are over, in either order.
        assert!(hold.binding().context().has_idle());
        assert_eq!(submit_one(&hold), 1);
        assert_eq!(complete(&provider, binding), 1);
        assert_eq!(completed.load(Ordering::Acquire), 2);

        drop(hold);
        assert!(
            !fake_nmr::detach_provider(binding),
            "an idle slot holds nothing"
        );
        fake_nmr::clean_up_provider(binding);
        fake_nmr::end(registration);
    });
}
