// SPDX-License-Identifier: MIT OR Apache-2.0

//! A client's binding: the two ends of a pended call on two threads, and the
//! detach callback.

use core::ffi::c_void;
use core::ptr;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use loom::thread;
use nmr::Result;
use nmr::abi::*;
use nmr::header::Header;
use nmr::inbox::Inbox;
use nmr::irql::PassiveLevel;
use nmr::{Client, InFlight, Module, PeerModule, Registration};
use shared_npi::echo::client::{self, EchoClient, ProviderBinding, Ready, Submission};
use shared_npi::echo::{
    Capabilities, Characteristics, ClientDispatch, ECHO_CLIENT_MODULE_ID, ECHO_PROVIDER_MODULE_ID,
    Echo, ProviderDispatch, Request, Statistics,
};

use crate::fake_nmr::{self, Side};

struct Sample {
    ready: Arc<Inbox<Ready<Sample>>>,
    returned: Arc<AtomicUsize>,
}

impl Module for Sample {
    type Role = Client;
    type Npi = Echo;
    type Binding = ProviderBinding;
    const MODULE_ID: NPI_MODULEID = ECHO_CLIENT_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics =
        &Characteristics::new(1, 1, Capabilities::empty(), Capabilities::empty());
    const DISPATCH: &'static ClientDispatch = &client::dispatch::<Self>();

    fn attach(
        &self,
        provider: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ProviderBinding> {
        ProviderBinding::new(
            Self::CHARACTERISTICS.negotiate(provider.characteristics()?)?,
            1,
        )
    }

    fn usable(binding: &ProviderBinding, table: &ProviderDispatch) -> bool {
        table.serves(binding.agreement())
    }

    fn attached(&self, binding: InFlight<Self>) {
        client::requests(&binding).for_each(|request| self.ready.add(request));
    }
}

impl EchoClient for Sample {
    fn completed(&self, request: Ready<Self>) {
        self.returned.fetch_add(1, Ordering::AcqRel);
        self.ready.add(request);
    }
}

/// The provider's side: keeps the one request it may be given.
struct ProviderSide {
    kept: AtomicPtr<Request>,
}

unsafe extern "system" fn submit(binding: *mut c_void, request: *mut Request) -> NTSTATUS {
    // SAFETY: the context given at the attach.
    let side = unsafe { &*binding.cast::<ProviderSide>() };
    side.kept.swap(request, Ordering::AcqRel);
    STATUS_PENDING
}

unsafe extern "system" fn cancel(_binding: *mut c_void, _request: *mut Request) {}

unsafe extern "system" fn query(_binding: *mut c_void, _statistics: *mut Statistics) -> NTSTATUS {
    STATUS_SUCCESS
}

static PROVIDER_DISPATCH: ProviderDispatch = ProviderDispatch {
    header: Header::of::<ProviderDispatch>(1),
    submit: Some(submit),
    cancel: Some(cancel),
    query_statistics: Some(query),
};

struct Shared(*mut c_void);
// SAFETY: the model checks what is done with it.
unsafe impl Send for Shared {}

impl Shared {
    fn get(&self) -> *mut c_void {
        self.0
    }
}

/// Completes the request that the provider keeps, if it has one.
fn complete(side: &ProviderSide, binding: *mut c_void) -> bool {
    let request = side.kept.swap(ptr::null_mut(), Ordering::AcqRel);
    if request.is_null() {
        return false;
    }
    let complete = Sample::DISPATCH.complete.expect("required");
    // SAFETY: a pended request is completed once; the provider has not
    // detached, so that the binding lives.
    unsafe { complete(binding, request) };
    true
}

#[test]
fn a_request_comes_back_once_and_the_detach_ends_once() {
    loom::model(|| {
        // SAFETY: there is no IRQL here.
        let passive = unsafe { PassiveLevel::assume() };
        let provider = Arc::new(ProviderSide {
            kept: AtomicPtr::new(ptr::null_mut()),
        });
        fake_nmr::set_peer(
            ptr::from_ref(&*provider).cast_mut().cast(),
            ptr::from_ref(&PROVIDER_DISPATCH).cast(),
        );
        let ready = Arc::new(Inbox::new());
        let returned = Arc::new(AtomicUsize::new(0));
        let module = Sample {
            ready: Arc::clone(&ready),
            returned: Arc::clone(&returned),
        };
        let registration = Registration::register(module, &passive).expect("fake NMR agrees");
        let (callbacks, context) = fake_nmr::client();

        // Attach: the binding's address is known by its only request.
        let side = Arc::new(Side::new());
        let instance = NPI_REGISTRATION_INSTANCE {
            Version: 0,
            Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
            NpiId: ptr::null(),
            ModuleId: &ECHO_PROVIDER_MODULE_ID,
            Number: 0,
            NpiSpecificCharacteristics: ptr::from_ref(Sample::CHARACTERISTICS).cast(),
        };
        // SAFETY: as NMR would call it.
        let status = unsafe {
            callbacks.ClientAttachProvider.expect("required")(
                side.handle(),
                context,
                &raw const instance,
            )
        };
        assert_eq!(status, STATUS_SUCCESS);
        let binding = fake_nmr::offered();

        // One thread submits, one completes, NMR detaches.
        let caller = {
            let ready = Arc::clone(&ready);
            thread::spawn(move || {
                let mut pended = 0;
                for request in ready.take_all() {
                    match request.submit(1, b"echo") {
                        Submission::Pending(call) => {
                            pended += 1;
                            drop(call);
                        }
                        Submission::Detaching => {}
                        Submission::Answered(..) => unreachable!("the provider pends"),
                    }
                }
                pended
            })
        };
        let completer = {
            let provider = Arc::clone(&provider);
            let binding = Shared(binding);
            thread::spawn(move || usize::from(complete(&provider, binding.get())))
        };
        // SAFETY: as NMR would call it, once.
        let detached = unsafe { callbacks.ClientDetachProvider.expect("required")(binding) };

        let submitted = caller.join().expect("no panic");
        let mut completions = completer.join().expect("no panic");
        completions += usize::from(complete(&provider, binding));
        assert_eq!(completions, submitted);
        assert_eq!(returned.load(Ordering::Acquire), submitted);

        // The request that came back finds the binding detaching, and retires.
        for request in ready.take_all() {
            assert!(matches!(request.submit(2, b""), Submission::Detaching));
        }
        assert_eq!(
            detached, STATUS_PENDING,
            "its request keeps the binding busy"
        );
        assert_eq!(side.completions(), 1);

        // SAFETY: as NMR would call it, both sides having detached.
        unsafe { callbacks.ClientCleanupBindingContext.expect("set")(binding) };
        drop(registration);
    });
}
