// SPDX-License-Identifier: MIT OR Apache-2.0

//! The provider's end of a request: a submission with a cancellation, the completion
//! on another thread, and the detach callback, all at once.

use core::ffi::c_void;
use core::ptr;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use nmr::abi::*;
use nmr::header::Header;
use nmr::inbox::Inbox;
use nmr::irql::PassiveLevel;
use nmr::request::{
    Answer, Pended, RequestLimit, RequestProvider, Requests, Submitted, dispatch_cancel,
    dispatch_submit,
};
use nmr::{Module, ModuleId, NtStatus, PeerModule, Provider, Result, Table};

use crate::fake_nmr::{self, Side};
use crate::npi::{self, ClientTable, MODULE_ID, Numbers, ProviderTable, Request};

struct Sample {
    pended: Arc<Inbox<Pended<Sample>>>,
}

impl Module for Sample {
    type Role = Provider;
    type Npi = Numbers;
    type Binding = RequestLimit;
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: () = ();
    // SAFETY: the functions are those of a `Sample`.
    const TABLE: Table<Self> = unsafe {
        Table::new(
            &const {
                ProviderTable {
                    header: Header::of::<ProviderTable>(1),
                    submit: Some(dispatch_submit::<Sample>),
                    cancel: Some(dispatch_cancel::<Numbers>),
                    subscribe: None,
                }
            },
        )
    };

    fn attach(&self, _: &PeerModule<'_, Self>, _: &PassiveLevel<'_>) -> Result<RequestLimit> {
        Ok(RequestLimit::new(1))
    }

    fn accepts_dispatch(_binding: &RequestLimit, table: &ClientTable) -> bool {
        table.complete.is_some()
    }
}

impl RequestProvider for Sample {
    fn limit(binding: &RequestLimit) -> &RequestLimit {
        binding
    }

    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call> {
        let (pended, answer) = request.pend();
        self.pended.add(pended);
        answer
    }
}

fn complete(request: Pended<Sample>) {
    let status = if request.is_cancelled() {
        NtStatus::CANCELLED
    } else {
        NtStatus::SUCCESS
    };
    request.complete(status);
}

/// The client's side: counts what comes back.
struct ClientSide {
    completed: AtomicUsize,
}

unsafe extern "system" fn completed(binding: *mut c_void, _request: *mut Request) {
    // SAFETY: the context given at the attach.
    let side = unsafe { &*binding.cast::<ClientSide>() };
    side.completed.fetch_add(1, Ordering::AcqRel);
}

static CLIENT_TABLE: ClientTable = ClientTable {
    header: Header::of::<ClientTable>(1),
    complete: Some(completed),
    publish: None,
};

/// A request of the client's, which it lends to the provider.
#[derive(Clone, Copy)]
struct Lent(*mut Request);
// SAFETY: the model checks what is done with it.
unsafe impl Send for Lent {}

impl Lent {
    fn get(self) -> *mut Request {
        self.0
    }
}

#[test]
fn every_accepted_request_completes_once_and_the_detach_after_it() {
    loom::model(|| {
        let pended = Arc::new(Inbox::new());
        let registration = fake_nmr::register(Sample {
            pended: Arc::clone(&pended),
        });
        let side = Arc::new(Side::new());
        let client = Arc::new(ClientSide {
            completed: AtomicUsize::new(0),
        });
        let (binding, _table) = fake_nmr::attach_client(
            &side,
            ptr::from_ref(&*client).cast_mut().cast(),
            (&raw const CLIENT_TABLE).cast(),
        );

        // The client submits and cancels, on its own thread. Its own detach is not
        // complete before these return, so that the binding lives.
        let request = Lent(Box::into_raw(Box::new(Numbers::request(npi::body(1)))));
        let submitter = thread::spawn(move || {
            // SAFETY: the binding is attached, and the request is lent.
            let answer = unsafe { dispatch_submit::<Sample>(binding.get(), request.get()) };
            if answer == STATUS_PENDING {
                // SAFETY: the request was pended, and is not reused before this returns.
                unsafe { dispatch_cancel::<Numbers>(binding.get(), request.get()) };
            }
            answer
        });
        let worker = {
            let pended = Arc::clone(&pended);
            thread::spawn(move || pended.take_all().for_each(complete))
        };
        let detach_pending = fake_nmr::detach_client(binding);

        let answer = submitter.join().expect("no panic");
        worker.join().expect("no panic");
        pended.take_all().for_each(complete);

        // A request is completed exactly if it was pended; the detach is completed
        // exactly if it was.
        let answers = [STATUS_PENDING, NtStatus::DEVICE_NOT_READY.0];
        assert!(answers.contains(&answer));
        let completions = client.completed.load(Ordering::Acquire);
        assert_eq!(completions, usize::from(answer == STATUS_PENDING));
        assert_eq!(side.completions(), usize::from(detach_pending));

        fake_nmr::clean_up_client(binding);
        // SAFETY: the request is the client's again.
        let request = unsafe { Box::from_raw(request.get()) };
        let ends = [NtStatus::SUCCESS.0, NtStatus::CANCELLED.0];
        assert!(ends.contains(&request.body.status));
        fake_nmr::end(registration);
    });
}

#[test]
fn a_request_beyond_the_limit_waits_for_none() {
    loom::model(|| {
        let pended = Arc::new(Inbox::new());
        let registration = fake_nmr::register(Sample {
            pended: Arc::clone(&pended),
        });
        let side = Arc::new(Side::new());
        let client = Arc::new(ClientSide {
            completed: AtomicUsize::new(0),
        });
        let (binding, _table) = fake_nmr::attach_client(
            &side,
            ptr::from_ref(&*client).cast_mut().cast(),
            (&raw const CLIENT_TABLE).cast(),
        );
        let requests =
            [1, 2].map(|number| Lent(Box::into_raw(Box::new(Numbers::request(npi::body(number))))));
        let submitters = requests.map(|request| {
            // SAFETY: the binding is attached, and the request is lent.
            thread::spawn(move || unsafe {
                dispatch_submit::<Sample>(binding.get(), request.get())
            })
        });
        pended.take_all().for_each(complete);
        let answers = submitters.map(|submitter| submitter.join().expect("no panic"));
        pended.take_all().for_each(complete);

        // The first is accepted; the second, if the first is complete before it.
        let accepted = answers.iter().filter(|answer| **answer == STATUS_PENDING);
        let accepted = accepted.count();
        assert!((1..=2).contains(&accepted));
        assert_eq!(client.completed.load(Ordering::Acquire), accepted);

        assert!(!fake_nmr::detach_client(binding));
        fake_nmr::clean_up_client(binding);
        for request in requests {
            // SAFETY: the request is the client's again.
            drop(unsafe { Box::from_raw(request.get()) });
        }
        fake_nmr::end(registration);
    });
}
