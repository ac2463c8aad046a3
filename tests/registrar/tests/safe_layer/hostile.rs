// SPDX-License-Identifier: MIT OR Apache-2.0

//! The client's end of the Echo contract against a provider that does not keep
//! its own, and a module that refuses with a success.

use core::ffi::c_void;
use core::{mem, ptr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nmr::abi::*;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::nmr_fn;
use nmr::request::{Completed, RequestClient, Slots, Submission, dispatch_complete, submit};
use nmr::{
    Bindings, Call, Client, Module, ModuleId, NtStatus, PeerModule, Registration, Result, Table,
};
use registrar::host::{self, Phase, Side};
use registrar::process;
use shared_npi::echo::client::{self, EchoClient, ProviderBinding};
use shared_npi::echo::{
    Body, Capabilities, Characteristics, ECHO_CLIENT_MODULE_ID, ECHO_NPI_ID,
    ECHO_PROVIDER_MODULE_ID, Echo, ProviderDispatch, Request,
};

use crate::Nmr;
use crate::modules::TestProvider;
use crate::registering::{end, register};

static SAYS: Characteristics =
    Characteristics::new(1, 1, Capabilities::empty(), Capabilities::empty());
static NPI: NPIID = ECHO_NPI_ID;
static MODULE: NPI_MODULEID = ECHO_PROVIDER_MODULE_ID.to_abi();

/// The binding of the only client, as the provider was given it.
struct Peer(*mut c_void);
// SAFETY: one test at a time uses it, on one thread.
unsafe impl Send for Peer {}
static CLIENT: Mutex<Peer> = Mutex::new(Peer(ptr::null_mut()));

/// Completes a request `times` before it has answered it with `answer`.
fn complete_first(request: *mut Request, times: usize, answer: NtStatus) -> NTSTATUS {
    let client = CLIENT.lock().expect("no panic").0;
    for _ in 0..times {
        // SAFETY: the client is attached.
        unsafe { dispatch_complete::<TestClient>(client, request) };
    }
    answer.0
}

unsafe extern "system" fn hostile_submit(_binding: *mut c_void, request: *mut Request) -> NTSTATUS {
    // SAFETY: the request is the provider's; its number says what to do.
    match unsafe { (*request).body.id } {
        0 => complete_first(request, 1, NtStatus::PENDING),
        1 => complete_first(request, 2, NtStatus::PENDING),
        2 => complete_first(request, 1, NtStatus::SUCCESS),
        3 => complete_first(ptr::null_mut(), 1, NtStatus::DEVICE_BUSY),
        _ => complete_first(request.wrapping_byte_add(1), 1, NtStatus::SUCCESS),
    }
}

static TABLE: ProviderDispatch = ProviderDispatch {
    header: Header::of::<ProviderDispatch>(1),
    submit: Some(hostile_submit),
    cancel: None,
    query_statistics: None,
};

nmr_fn! {
    unsafe fn attach_client[](
        _handle: HANDLE,
        _context: *mut c_void,
        _client: *const NPI_REGISTRATION_INSTANCE,
        client_context: *mut c_void,
        _client_dispatch: *const c_void,
        provider_context: *mut *mut c_void,
        provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        CLIENT.lock().expect("no panic").0 = client_context;
        // SAFETY: an out parameter.
        unsafe { provider_context.write(client_context) };
        // SAFETY: an out parameter.
        unsafe { provider_dispatch.write(ptr::from_ref(&TABLE).cast()) };
        STATUS_SUCCESS
    }
}

nmr_fn! {
    unsafe fn detach_client[](_context: *mut c_void) -> NTSTATUS {
        STATUS_SUCCESS
    }
}

/// Runs `body` with the hostile provider registered.
fn with_provider(body: impl FnOnce()) {
    let characteristics = NPI_PROVIDER_CHARACTERISTICS {
        Version: 0,
        Length: struct_size::<NPI_PROVIDER_CHARACTERISTICS>(),
        ProviderAttachClient: Some(attach_client),
        ProviderDetachClient: Some(detach_client),
        ProviderCleanupBindingContext: None,
        ProviderRegistrationInstance: NPI_REGISTRATION_INSTANCE {
            Version: 0,
            Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
            NpiId: &raw const NPI,
            ModuleId: &raw const MODULE,
            Number: 0,
            NpiSpecificCharacteristics: ptr::from_ref(&SAYS).cast(),
        },
    };
    let mut handle = ptr::null_mut();
    // SAFETY: the characteristics outlive the registration.
    let status = unsafe {
        NmrRegisterProvider(&raw const characteristics, ptr::null_mut(), &raw mut handle)
    };
    assert_eq!(status, STATUS_SUCCESS);
    body();
    // SAFETY: the registration lives.
    assert_eq!(unsafe { NmrDeregisterProvider(handle) }, STATUS_PENDING);
    // SAFETY: the deregistration is pending.
    let status = unsafe { NmrWaitForProviderDeregisterComplete(handle) };
    assert_eq!(status, STATUS_SUCCESS);
}

/// A client with one slot in a binding.
struct TestClient {
    /// What `attach` returns in place of a binding.
    refusal: Option<NtStatus>,
    providers: Bindings<TestClient>,
    completed: AtomicUsize,
    unexpected: AtomicUsize,
}

impl Module for TestClient {
    type Role = Client;
    type Npi = Echo;
    type Binding = ProviderBinding;
    const MODULE_ID: ModuleId = ECHO_CLIENT_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = &SAYS;
    const TABLE: Table<Self> = client::dispatch();

    fn attach(
        &self,
        provider: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ProviderBinding> {
        self.refusal.map_or(Ok(()), Err)?;
        ProviderBinding::new(SAYS.negotiate(provider.characteristics()?)?, 1)
    }

    fn accepts_dispatch(binding: &ProviderBinding, table: &ProviderDispatch) -> bool {
        table.serves(binding.agreement())
    }

    fn attached(&self, call: Call<'_, Self>) {
        call.add_to_list();
    }

    fn bindings(&self) -> Option<&Bindings<Self>> {
        Some(&self.providers)
    }
}

impl RequestClient for TestClient {
    fn slots(binding: &ProviderBinding) -> &Slots<Echo> {
        binding.slots()
    }

    fn completed(&self, request: Completed<'_, Self>) {
        assert!(!request.binding().context().slots().has_idle());
        self.completed.fetch_add(1, Ordering::Relaxed);
    }

    fn unexpected(&self) {
        self.unexpected.fetch_add(1, Ordering::Relaxed);
    }
}

impl EchoClient for TestClient {}

impl TestClient {
    fn register(refusal: Option<NtStatus>) -> Registration<Self> {
        register(Self {
            refusal,
            providers: Bindings::new(),
            completed: AtomicUsize::new(0),
            unexpected: AtomicUsize::new(0),
        })
    }

    /// The number of its providers.
    fn providers(&self) -> usize {
        let mut count = 0;
        self.providers.for_each(|_call| count += 1);
        count
    }
}

/// What came of a request, as often as it came.
#[derive(Debug, PartialEq, Eq)]
struct Ends {
    answered: Option<NtStatus>,
    completed: usize,
    unexpected: usize,
}

/// Submits request `id` to the hostile provider. The slot is idle again afterwards,
/// or the test fails.
fn submit_to_it(id: u64) -> Ends {
    let nmr = Nmr::alone(0);
    let mut ends = None;
    with_provider(|| {
        let client = TestClient::register(None);
        let module = client.module();
        let mut answered = None;
        module.providers.for_each(|call| {
            let slots = call.binding().context().slots();
            match submit(call, Body::new(id, b"echo")) {
                Submission::Pending(pending) => {
                    assert!(!slots.has_idle());
                    drop(pending);
                }
                Submission::Answered(request) => {
                    assert!(!slots.has_idle());
                    answered = Some(request.status());
                }
                Submission::NoSlot(_) => panic!("the slot is idle"),
            }
            assert!(slots.has_idle());
        });
        ends = Some(Ends {
            answered,
            completed: module.completed.load(Ordering::Relaxed),
            unexpected: module.unexpected.load(Ordering::Relaxed),
        });
        drop(end(client));
    });
    nmr.finish();
    ends.expect("there is a provider")
}

#[test]
fn a_completion_may_overtake_the_answer() {
    let ends = Ends {
        answered: None,
        completed: 1,
        unexpected: 0,
    };
    assert_eq!(submit_to_it(0), ends);
}

#[test]
fn a_second_completion_is_unexpected_and_makes_no_second_request() {
    let ends = Ends {
        answered: None,
        completed: 1,
        unexpected: 1,
    };
    assert_eq!(submit_to_it(1), ends);
}

#[test]
fn a_completion_of_an_answered_request_is_unexpected() {
    let ends = Ends {
        answered: Some(NtStatus::SUCCESS),
        completed: 0,
        unexpected: 1,
    };
    assert_eq!(submit_to_it(2), ends);
}

#[test]
fn a_completion_of_no_request_is_unexpected() {
    for (id, status) in [(3, NtStatus::DEVICE_BUSY), (4, NtStatus::SUCCESS)] {
        let ends = Ends {
            answered: Some(status),
            completed: 0,
            unexpected: 1,
        };
        assert_eq!(submit_to_it(id), ends);
    }
}

/// What the client's detach callbacks have returned since the events were taken last.
fn client_detaches() -> Vec<NTSTATUS> {
    let events = process::registrar().take_events();
    let returned = |event: &host::Event| match (event.call, event.side, event.phase) {
        (host::Call::DetachCallback, Side::Client, Phase::Leave(status)) => Some(status),
        _ => None,
    };
    events.iter().filter_map(returned).collect()
}

#[test]
fn a_slot_that_is_idle_holds_nothing() {
    for requests in [0, 1, 5] {
        let nmr = Nmr::alone(0);
        with_provider(|| {
            let client = TestClient::register(None);
            for _ in 0..requests {
                client.module().providers.for_each(|call| {
                    let Submission::Pending(pending) = submit(call, Body::new(0, b"echo")) else {
                        panic!("it is pended");
                    };
                    drop(pending);
                });
            }
            drop(end(client));
            assert_eq!(client_detaches(), [STATUS_SUCCESS]);
        });
        nmr.finish();
    }
}

/// Its slot is lost, and nothing else: the request holds the binding, not its slot.
#[test]
fn an_end_of_a_request_that_is_forgotten_costs_its_slot() {
    let nmr = Nmr::alone(0);
    with_provider(|| {
        let client = TestClient::register(None);
        for pended in [true, false] {
            client
                .module()
                .providers
                .for_each(|call| match submit(call, Body::new(0, b"echo")) {
                    Submission::Pending(pending) => {
                        assert!(pended);
                        mem::forget(pending);
                    }
                    Submission::NoSlot(body) => {
                        assert!(!pended);
                        assert_eq!(body.payload(), Some(b"echo".as_slice()));
                    }
                    Submission::Answered(_) => panic!("it is not answered"),
                });
        }
        assert_eq!(client.module().completed.load(Ordering::Relaxed), 0);
        drop(end(client));
        assert_eq!(client_detaches(), [STATUS_SUCCESS]);
    });
    nmr.finish();
}

#[test]
fn a_completion_that_is_forgotten_costs_its_slot() {
    let nmr = Nmr::alone(0);
    with_provider(|| {
        let client = TestClient::register(None);
        client.module().providers.for_each(|call| {
            let slots = call.binding().context().slots();
            let Submission::Answered(answered) = submit(call, Body::new(2, b"echo")) else {
                panic!("it is answered");
            };
            mem::forget(answered);
            assert!(!slots.has_idle());
        });
        drop(end(client));
        assert_eq!(client_detaches(), [STATUS_SUCCESS]);
    });
    nmr.finish();
}

#[test]
fn a_refusal_with_a_success_is_a_refusal() {
    for refusal in [NtStatus::SUCCESS, NtStatus::PENDING] {
        let nmr = Nmr::alone(0);
        let provider = TestProvider::register();
        let client = TestClient::register(Some(refusal));
        assert_eq!(client.module().providers(), 0);
        drop(end(client));
        drop(end(provider));
        nmr.finish();
    }
}
