// SPDX-License-Identifier: MIT OR Apache-2.0

//! The client's end of the Echo contract against a provider that does not keep
//! its own, and a module that refuses with a success.

use core::ffi::c_void;
use core::ptr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nmr::abi::*;
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::{Client, InFlight, Module, PeerModule, Registration};
use nmr::{NtStatus, Result, nmr_fn};
use shared_npi::echo::client::{self, EchoClient, ProviderBinding, Ready, Submission};
use shared_npi::echo::{
    Capabilities, Characteristics, ClientDispatch, ECHO_CLIENT_MODULE_ID, ECHO_NPI_ID,
    ECHO_PROVIDER_MODULE_ID, Echo, ProviderDispatch, Request,
};

use crate::Nmr;
use crate::modules::{TestProvider, passive};

static SAYS: Characteristics =
    Characteristics::new(1, 1, Capabilities::empty(), Capabilities::empty());
static NPI: NPIID = ECHO_NPI_ID;

struct ModuleId(NPI_MODULEID);
// SAFETY: a module id is plain data.
unsafe impl Sync for ModuleId {}
static MODULE: ModuleId = ModuleId(ECHO_PROVIDER_MODULE_ID);

/// The binding of the only client, as the provider was given it.
struct Peer(*mut c_void);
// SAFETY: one test at a time uses it, on one thread.
unsafe impl Send for Peer {}
static CLIENT: Mutex<Peer> = Mutex::new(Peer(ptr::null_mut()));

/// Completes a request `times` before it has answered it with `answer`.
fn complete_first(request: *mut Request, times: usize, answer: NtStatus) -> NTSTATUS {
    let client = CLIENT.lock().expect("no panic").0;
    let complete = TestClient::DISPATCH.complete.expect("required");
    for _ in 0..times {
        // SAFETY: the client is attached.
        unsafe { complete(client, request) };
    }
    answer.0
}

unsafe extern "system" fn submit(_binding: *mut c_void, request: *mut Request) -> NTSTATUS {
    // SAFETY: the request is the provider's; its number says what to do.
    match unsafe { (*request).id } {
        0 => complete_first(request, 1, NtStatus::PENDING),
        1 => complete_first(request, 2, NtStatus::PENDING),
        2 => complete_first(request, 1, NtStatus::SUCCESS),
        3 => complete_first(ptr::null_mut(), 1, NtStatus::DEVICE_BUSY),
        _ => complete_first(request.wrapping_byte_add(1), 1, NtStatus::SUCCESS),
    }
}

static TABLE: ProviderDispatch = ProviderDispatch {
    header: Header::of::<ProviderDispatch>(1),
    submit: Some(submit),
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
            ModuleId: &raw const MODULE.0,
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

/// A client with one request, which it keeps in the open.
struct TestClient {
    /// What `attach` answers in place of a binding.
    refusal: Option<NtStatus>,
    kept: Arc<Mutex<Vec<Ready<TestClient>>>>,
    unexpected: AtomicUsize,
}

impl Module for TestClient {
    type Role = Client;
    type Npi = Echo;
    type Binding = ProviderBinding;
    const MODULE_ID: NPI_MODULEID = ECHO_CLIENT_MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = &SAYS;
    const DISPATCH: &'static ClientDispatch = &client::dispatch::<Self>();

    fn attach(
        &self,
        provider: &PeerModule<'_, Echo>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<ProviderBinding> {
        self.refusal.map_or(Ok(()), Err)?;
        ProviderBinding::new(SAYS.negotiate(provider.characteristics()?)?, 1)
    }

    fn usable(binding: &ProviderBinding, table: &ProviderDispatch) -> bool {
        table.serves(binding.agreement())
    }

    fn attached(&self, binding: InFlight<Self>) {
        self.kept
            .lock()
            .expect("no panic")
            .extend(client::requests(&binding));
    }
}

impl EchoClient for TestClient {
    fn completed(&self, request: Ready<Self>) {
        self.kept.lock().expect("no panic").push(request);
    }

    fn unexpected(&self) {
        self.unexpected.fetch_add(1, Ordering::Relaxed);
    }
}

impl TestClient {
    fn register(refusal: Option<NtStatus>) -> Registration<Self> {
        let module = Self {
            refusal,
            kept: Arc::default(),
            unexpected: AtomicUsize::new(0),
        };
        Registration::register(module, &passive()).expect("NMR has memory")
    }
}

/// Submits request `id` to the hostile provider: how many requests the client
/// then has, which must be its one, and what it found unexpected.
fn submit_to_it(id: u64) -> usize {
    let nmr = Nmr::alone(0);
    let mut unexpected = 0;
    with_provider(|| {
        let client = TestClient::register(None);
        let kept = Arc::clone(&client.module().kept);
        let request = kept.lock().expect("no panic").pop().expect("one request");
        match request.submit(id, b"echo") {
            Submission::Pending(call) => drop(call),
            Submission::Answered(status, request) => {
                assert_eq!(request.status(), status);
                kept.lock().expect("no panic").push(request);
            }
            Submission::Detaching => panic!("nobody detaches"),
        }
        unexpected = client.module().unexpected.load(Ordering::Relaxed);
        let mut kept = kept.lock().expect("no panic");
        assert_eq!(kept.len(), 1);
        kept.clear();
        drop(kept);
        drop(client);
    });
    nmr.finish();
    unexpected
}

#[test]
fn a_completion_may_overtake_the_answer() {
    assert_eq!(submit_to_it(0), 0);
}

#[test]
fn a_second_completion_is_unexpected_and_makes_no_second_request() {
    assert_eq!(submit_to_it(1), 1);
}

#[test]
fn a_completion_of_an_answered_request_is_unexpected() {
    assert_eq!(submit_to_it(2), 1);
}

#[test]
fn a_completion_of_no_request_is_unexpected() {
    assert_eq!(submit_to_it(3), 1);
    assert_eq!(submit_to_it(4), 1);
}

#[test]
fn a_refusal_with_a_success_is_a_refusal() {
    for refusal in [NtStatus::SUCCESS, NtStatus::PENDING] {
        let nmr = Nmr::alone(0);
        let provider = TestProvider::register();
        let client = TestClient::register(Some(refusal));
        assert_eq!(client.module().kept.lock().expect("no panic").len(), 0);
        drop(client);
        drop(provider);
        nmr.finish();
    }
}
