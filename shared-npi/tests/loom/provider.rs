// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider's binding: a submission, the completion on another thread, and
//! the detach callback, all at once.

use core::ffi::c_void;
use core::ptr;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use nmr::Result;
use nmr::abi::*;
use nmr::header::Header;
use nmr::inbox::Inbox;
use nmr::irql::PassiveLevel;
use nmr::{Module, PeerModule, Provider, Registration};
use shared_npi::echo::provider::{self, Answer, ClientBinding, EchoProvider, Submitted};
use shared_npi::echo::{
    Capabilities, Characteristics, ClientDispatch, Counters, ECHO_CLIENT_MODULE_ID,
    ECHO_PROVIDER_MODULE_ID, Echo, Notification, ProviderDispatch, Request,
};

use crate::fake_nmr::{self, Side};

struct Sample {
    counters: Counters,
    pended: Arc<Inbox<provider::Pended<Sample>>>,
}

impl Module for Sample {
    type Role = Provider;
    type Npi = Echo;
    type Binding = ClientBinding;
    const MODULE_ID: NPI_MODULEID = ECHO_PROVIDER_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(1, 1, Capabilities::KNOWN, Capabilities::empty());
    const DISPATCH: &'static ProviderDispatch = &provider::dispatch::<Self>();

    fn attach(
        &self,
        client: &PeerModule<'_, Self>,
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

impl EchoProvider for Sample {
    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call> {
        let (pended, answer) = request.pend();
        self.pended.add(pended);
        answer
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// The client's side: counts what comes back, per request.
struct ClientSide {
    completed: AtomicUsize,
}

unsafe extern "system" fn complete(binding: *mut c_void, _request: *mut Request) {
    // SAFETY: the context given at the attach.
    let side = unsafe { &*binding.cast::<ClientSide>() };
    side.completed.fetch_add(1, Ordering::AcqRel);
}

unsafe extern "system" fn notify(_binding: *mut c_void, _what: Notification, _value: u64) {}

static CLIENT_DISPATCH: ClientDispatch = ClientDispatch {
    header: Header::of::<ClientDispatch>(1),
    complete: Some(complete),
    notify: Some(notify),
};

#[derive(Clone, Copy)]
struct Shared<T>(*const T);
// SAFETY: the model checks what is done with it.
unsafe impl<T> Send for Shared<T> {}

impl<T> Shared<T> {
    fn get(&self) -> *const T {
        self.0
    }
}

#[test]
fn every_accepted_request_completes_once_and_the_detach_after_it() {
    loom::model(|| {
        // SAFETY: there is no IRQL here.
        let passive = unsafe { PassiveLevel::assume() };
        let pended = Arc::new(Inbox::new());
        let module = Sample {
            counters: Counters::new(),
            pended: Arc::clone(&pended),
        };
        let registration = Registration::register(module, &passive).expect("fake NMR agrees");
        let (callbacks, context) = fake_nmr::provider();

        // Attach.
        let side = Arc::new(Side::new());
        let client = Arc::new(ClientSide {
            completed: AtomicUsize::new(0),
        });
        let instance = NPI_REGISTRATION_INSTANCE {
            Version: 0,
            Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
            NpiId: ptr::null(),
            ModuleId: &ECHO_CLIENT_MODULE_ID,
            Number: 0,
            NpiSpecificCharacteristics: ptr::from_ref(Sample::CHARACTERISTICS).cast(),
        };
        let mut binding = ptr::null_mut();
        let mut dispatch = ptr::null();
        // SAFETY: as NMR would call it.
        let status = unsafe {
            callbacks.ProviderAttachClient.expect("required")(
                side.handle(),
                context,
                &raw const instance,
                ptr::from_ref(&*client).cast_mut().cast(),
                ptr::from_ref(&CLIENT_DISPATCH).cast(),
                &raw mut binding,
                &raw mut dispatch,
            )
        };
        assert_eq!(status, STATUS_SUCCESS);

        // The client submits, on its own thread.
        let request = Box::into_raw(Box::new(Request::new()));
        let submitter = {
            let place = Shared(request.cast_const());
            let binding = Shared(binding.cast_const());
            let table = Shared(dispatch.cast::<ProviderDispatch>());
            thread::spawn(move || {
                // SAFETY: the table lives as long as the module's type.
                let submit = unsafe { (*table.get()).submit }.expect("required");
                // SAFETY: the client's own detach is not complete before this
                // returns, so that the binding lives.
                unsafe { submit(binding.get().cast_mut(), place.get().cast_mut()) }
            })
        };
        // The worker completes.
        let worker = {
            let pended = Arc::clone(&pended);
            thread::spawn(move || pended.take_all().for_each(|request| drop(request.echo())))
        };
        // NMR detaches.
        // SAFETY: as NMR would call it, once.
        let detached = unsafe { callbacks.ProviderDetachClient.expect("required")(binding) };

        let answer = submitter.join().expect("no panic");
        worker.join().expect("no panic");
        pended.take_all().for_each(|request| drop(request.echo()));

        // A request is completed exactly if it was pended; the detach is
        // completed exactly if it was.
        let completed = client.completed.load(Ordering::Acquire);
        assert_eq!(completed, usize::from(answer == STATUS_PENDING));
        assert_eq!(side.completions(), usize::from(detached == STATUS_PENDING));
        assert!(detached == STATUS_SUCCESS || answer == STATUS_PENDING || side.completions() == 1);

        // SAFETY: as NMR would call it, both sides having detached.
        unsafe { callbacks.ProviderCleanupBindingContext.expect("set")(binding) };
        // SAFETY: the request is the client's again.
        drop(unsafe { Box::from_raw(request) });
        drop(registration);
    });
}
