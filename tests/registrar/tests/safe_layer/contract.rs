// SPDX-License-Identifier: MIT OR Apache-2.0

//! The provider's end of the Echo contract, seen by a client that was written
//! from the contract alone, and does not always keep it.

use core::ffi::c_void;
use core::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use nmr::NtStatus;
use nmr::abi::*;
use nmr::header::Header;
use nmr::nmr_fn;
use registrar::host::{Call, Phase, Side};
use registrar::process;
use shared_npi::echo::{
    Body, Capabilities, Characteristics, ClientDispatch, ECHO_CLIENT_MODULE_ID, ECHO_NPI_ID,
    MAX_PENDING, Notification, ProviderDispatch, Request, Statistics,
};

use crate::Nmr;
use crate::modules::TestProvider;
use crate::registering::{begin, end, finish};

/// A client in the manner of C: registered while it lives.
struct RawClient {
    characteristics: Box<NPI_CLIENT_CHARACTERISTICS>,
    context: Box<Context>,
    handle: HANDLE,
}

/// Registration and binding context in one.
struct Context {
    dispatch: *const ClientDispatch,
    attached: NTSTATUS,
    provider: *mut c_void,
    provider_dispatch: *const c_void,
    completed: AtomicUsize,
}

nmr_fn! {
    unsafe fn attach_provider[](
        handle: HANDLE,
        context: *mut c_void,
        _provider: *const NPI_REGISTRATION_INSTANCE,
    ) -> NTSTATUS {
        // SAFETY: the registration context, which this thread alone uses.
        let context = unsafe { &mut *context.cast::<Context>() };
        let binding = ptr::from_mut(context).cast();
        // SAFETY: as the reference of the function says.
        context.attached = unsafe {
            NmrClientAttachProvider(
                handle,
                binding,
                context.dispatch.cast(),
                &raw mut context.provider,
                &raw mut context.provider_dispatch,
            )
        };
        context.attached
    }
}

nmr_fn! {
    unsafe fn detach_provider[](_context: *mut c_void) -> NTSTATUS {
        STATUS_SUCCESS
    }
}

unsafe extern "system" fn complete(context: *mut c_void, _request: *mut Request) {
    // SAFETY: the binding context.
    unsafe { &*context.cast::<Context>() }
        .completed
        .fetch_add(1, Ordering::Release);
}

unsafe extern "system" fn notify(_context: *mut c_void, _what: Notification, _value: u64) {}

static DISPATCH: ClientDispatch = ClientDispatch {
    header: Header::of::<ClientDispatch>(1),
    complete: Some(complete),
    notify: Some(notify),
};

static FITTING: Characteristics =
    Characteristics::new(1, 1, Capabilities::KNOWN, Capabilities::empty());

static NPI: NPIID = ECHO_NPI_ID;

static MODULE: NPI_MODULEID = ECHO_CLIENT_MODULE_ID.to_abi();

impl RawClient {
    fn register(
        npi_characteristics: Option<&'static Characteristics>,
        dispatch: *const ClientDispatch,
    ) -> Self {
        let context = Box::new(Context {
            dispatch,
            attached: NtStatus::CANCELLED.0,
            provider: ptr::null_mut(),
            provider_dispatch: ptr::null(),
            completed: AtomicUsize::new(0),
        });
        let characteristics = Box::new(NPI_CLIENT_CHARACTERISTICS {
            Version: 0,
            Length: struct_size::<NPI_CLIENT_CHARACTERISTICS>(),
            ClientAttachProvider: Some(attach_provider),
            ClientDetachProvider: Some(detach_provider),
            ClientCleanupBindingContext: None,
            ClientRegistrationInstance: NPI_REGISTRATION_INSTANCE {
                Version: 0,
                Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
                NpiId: &raw const NPI,
                ModuleId: &raw const MODULE,
                Number: 0,
                NpiSpecificCharacteristics: npi_characteristics
                    .map_or(ptr::null(), |characteristics| {
                        ptr::from_ref(characteristics).cast()
                    }),
            },
        });
        let mut handle = ptr::null_mut();
        // SAFETY: both boxes outlive the registration.
        let status = unsafe {
            NmrRegisterClient(
                &raw const *characteristics,
                ptr::from_ref(&*context).cast_mut().cast(),
                &raw mut handle,
            )
        };
        assert_eq!(status, STATUS_SUCCESS);
        Self {
            characteristics,
            context,
            handle,
        }
    }

    fn table(&self) -> &ProviderDispatch {
        // SAFETY: the provider is attached, and its table a static.
        unsafe { &*self.context.provider_dispatch.cast() }
    }

    fn submit(&self, request: *mut Request) -> NtStatus {
        let submit = self.table().submit.expect("required");
        // SAFETY: the provider is attached; the request is what is tested.
        NtStatus(unsafe { submit(self.context.provider, request) })
    }
}

impl Drop for RawClient {
    fn drop(&mut self) {
        // SAFETY: the registration lives.
        let status = unsafe { NmrDeregisterClient(self.handle) };
        assert_eq!(status, STATUS_PENDING);
        // SAFETY: the deregistration is pending.
        let status = unsafe { NmrWaitForClientDeregisterComplete(self.handle) };
        assert_eq!(status, STATUS_SUCCESS);
        assert_eq!(self.characteristics.Version, 0);
    }
}

/// The status with which a provider meets such a client.
fn attach(
    characteristics: Option<&'static Characteristics>,
    dispatch: *const ClientDispatch,
) -> NtStatus {
    let nmr = Nmr::alone(0);
    let provider = TestProvider::register();
    let client = RawClient::register(characteristics, dispatch);
    let status = NtStatus(client.context.attached);
    drop(client);
    drop(end(provider));
    nmr.finish();
    status
}

fn request(id: u64) -> Box<Request> {
    Box::new(Request::new(Body::new(id, &[])))
}

#[test]
fn a_fitting_client_is_accepted() {
    assert_eq!(
        attach(Some(&FITTING), &raw const DISPATCH),
        NtStatus::SUCCESS
    );
}

#[test]
fn a_client_that_says_nothing_of_itself_is_refused() {
    assert_eq!(attach(None, &raw const DISPATCH), NtStatus::NOINTERFACE);
}

#[test]
fn a_client_of_another_version_is_refused() {
    static NEWER: Characteristics =
        Characteristics::new(2, 7, Capabilities::KNOWN, Capabilities::empty());
    assert_eq!(
        attach(Some(&NEWER), &raw const DISPATCH),
        NtStatus::NOINTERFACE
    );
}

#[test]
fn a_client_that_requires_the_unknown_is_refused() {
    static STRICT: Characteristics = Characteristics::new(
        1,
        1,
        Capabilities::KNOWN,
        Capabilities::from_bits_retain(1 << 20),
    );
    assert_eq!(
        attach(Some(&STRICT), &raw const DISPATCH),
        NtStatus::NOINTERFACE
    );
}

#[test]
fn a_client_with_an_unusable_dispatch_table_is_refused() {
    static SHORT: ClientDispatch = ClientDispatch {
        header: Header {
            size: 16,
            version: 1,
            flags: 0,
        },
        complete: Some(complete),
        notify: Some(notify),
    };
    static WITHOUT_COMPLETE: ClientDispatch = ClientDispatch {
        complete: None,
        ..DISPATCH_OF_NOTHING
    };
    static WITHOUT_NOTIFY: ClientDispatch = ClientDispatch {
        complete: Some(complete),
        ..DISPATCH_OF_NOTHING
    };
    const DISPATCH_OF_NOTHING: ClientDispatch = ClientDispatch {
        header: Header::of::<ClientDispatch>(1),
        complete: None,
        notify: None,
    };
    for table in [
        ptr::null(),
        &raw const SHORT,
        &raw const WITHOUT_COMPLETE,
        &raw const WITHOUT_NOTIFY,
    ] {
        assert_eq!(attach(Some(&FITTING), table), NtStatus::NOINTERFACE);
    }
}

#[test]
fn malformed_requests_are_refused() {
    let nmr = Nmr::alone(0);
    let provider = TestProvider::register();
    let client = RawClient::register(Some(&FITTING), &raw const DISPATCH);
    let refused = |request: *mut Request| client.submit(request) == NtStatus::INVALID_PARAMETER;

    assert!(refused(ptr::null_mut()));
    let mut short = request(0);
    short.header.size -= 1;
    assert!(refused(&raw mut *short));
    let mut ancient = request(0);
    ancient.header.version = 0;
    assert!(refused(&raw mut *ancient));
    let mut long = request(0);
    long.body.length = 65;
    assert!(refused(&raw mut *long));

    let mut good = request(0);
    good.body.length = 64;
    good.body.payload = [7; 64];
    assert_eq!(client.submit(&raw mut *good), NtStatus::SUCCESS);
    assert_eq!(good.body.reply, [7; 64]);

    let query = client.table().query_statistics.expect("agreed on");
    let mut statistics = Statistics::new();
    // SAFETY: the provider is attached, and the structure lent.
    let status = unsafe { query(client.context.provider, &raw mut statistics) };
    assert_eq!(NtStatus(status), NtStatus::SUCCESS);
    assert_eq!((statistics.refused, statistics.completed_at_once), (4, 1));
    statistics.header.size = 8;
    // SAFETY: the provider is attached, and the structure lent.
    let status = unsafe { query(client.context.provider, &raw mut statistics) };
    assert_eq!(NtStatus(status), NtStatus::INVALID_PARAMETER);

    drop(client);
    drop(end(provider));
    nmr.finish();
}

#[test]
fn a_provider_takes_no_more_than_it_says() {
    let nmr = Nmr::alone(0);
    let provider = TestProvider::register();
    let client = RawClient::register(Some(&FITTING), &raw const DISPATCH);
    provider.module().worker.control().pause(true);
    let mut requests: Vec<_> = (0..=u64::from(MAX_PENDING))
        .map(|n| request(4 * n + 1))
        .collect();
    let (last, others) = requests.split_last_mut().expect("not empty");
    for request in others {
        assert_eq!(client.submit(&raw mut **request), NtStatus::PENDING);
    }
    assert_eq!(client.submit(&raw mut **last), NtStatus::DEVICE_BUSY);

    provider.module().worker.control().pause(false);
    while client.context.completed.load(Ordering::Acquire) < MAX_PENDING as usize {
        std::thread::yield_now();
    }
    assert_eq!(client.submit(&raw mut **last), NtStatus::PENDING);
    while client.context.completed.load(Ordering::Acquire) <= MAX_PENDING as usize {
        std::thread::yield_now();
    }
    drop(client);
    drop(end(provider));
    nmr.finish();
}

#[test]
fn a_detaching_provider_takes_nothing_and_completes_what_it_took() {
    let nmr = Nmr::alone(0);
    let provider = TestProvider::register();
    let client = RawClient::register(Some(&FITTING), &raw const DISPATCH);
    provider.module().worker.control().pause(true);
    let mut accepted = request(1);
    assert_eq!(client.submit(&raw mut *accepted), NtStatus::PENDING);

    let worker = provider.module().worker.control();
    let (deregistration, wait) = begin(provider);
    let detached = |event: &registrar::host::Event| {
        event.call == Call::DetachCallback
            && event.side == Side::Provider
            && event.phase == Phase::Leave(STATUS_PENDING)
    };
    assert!(process::registrar().take_events().iter().any(detached));
    assert_eq!(
        client.submit(&raw mut *request(0)),
        NtStatus::DEVICE_NOT_READY
    );
    assert_eq!(client.context.completed.load(Ordering::Acquire), 0);

    worker.pause(false);
    drop(finish(deregistration, &wait));
    assert_eq!(client.context.completed.load(Ordering::Acquire), 1);
    assert_eq!(NtStatus(accepted.body.status), NtStatus::SUCCESS);
    drop(client);
    nmr.finish();
}
