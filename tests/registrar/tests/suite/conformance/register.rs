// SPDX-License-Identifier: MIT OR Apache-2.0

//! `NmrRegisterClient` and `NmrRegisterProvider`.

use std::sync::atomic::{AtomicPtr, Ordering};
use std::{ptr, thread};

use nmr::abi::{
    HANDLE, NPI_REGISTRATION_INSTANCE, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_NOINTERFACE,
    STATUS_SUCCESS,
};
use nmr::nmr_fn;
use registrar::host::{Call, Side};
use registrar::knobs::Knob;

use crate::support::{Module, NPI, OTHER_NPI, begun, clean, down, nmr, pair, poison, up};

static SEEN: AtomicPtr<std::ffi::c_void> = AtomicPtr::new(ptr::without_provenance_mut(1));

nmr_fn! {
    unsafe fn remember_context[](
        _handle: HANDLE,
        context: *mut std::ffi::c_void,
        _instance: *const NPI_REGISTRATION_INSTANCE,
    ) -> NTSTATUS {
        SEEN.store(context, Ordering::Relaxed);
        STATUS_NOINTERFACE
    }
}

super::statements! {
    /// D1: `NmrRegisterProvider` answers `STATUS_SUCCESS`.
    register_provider_succeeds {
        let nmr = nmr();
        let (provider, _) = pair(&nmr);
        assert_eq!(provider.register(), STATUS_SUCCESS);
        down([&provider]);
        clean(&nmr);
    }

    /// D1: `NmrRegisterClient` answers `STATUS_SUCCESS`.
    register_client_succeeds {
        let nmr = nmr();
        let (_, client) = pair(&nmr);
        assert_eq!(client.register(), STATUS_SUCCESS);
        down([&client]);
        clean(&nmr);
    }

    /// D1: On success the handle variable receives the registration's handle.
    register_writes_the_handle {
        for written in [0, 1] {
            let nmr = nmr();
            nmr.host().fix(Knob::HandleWritten, Some(written));
            let (provider, client) = pair(&nmr);
            up([&provider, &client]);
            assert_ne!(provider.handle(), poison());
            assert_ne!(client.handle(), poison());
            assert_ne!(provider.handle(), client.handle());
            down([&provider, &client]);
        }
    }

    /// D1: `NmrRegisterProvider` answers `STATUS_INSUFFICIENT_RESOURCES` where there are none.
    register_provider_may_lack_resources {
        let nmr = nmr();
        nmr.host().fail_next(Call::Register, Side::Provider, STATUS_INSUFFICIENT_RESOURCES);
        let (provider, _) = pair(&nmr);
        assert_eq!(provider.register(), STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(nmr.live_registrations(), []);
    }

    /// D1: `NmrRegisterClient` answers `STATUS_INSUFFICIENT_RESOURCES` where there are none.
    register_client_may_lack_resources {
        let nmr = nmr();
        nmr.host().fail_next(Call::Register, Side::Client, STATUS_INSUFFICIENT_RESOURCES);
        let (_, client) = pair(&nmr);
        assert_eq!(client.register(), STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(nmr.live_registrations(), []);
    }

    /// INF: A module whose registration failed is not attached to anybody.
    failed_register_attaches_nobody {
        let nmr = nmr();
        nmr.host().fail_next(Call::Register, Side::Client, STATUS_INSUFFICIENT_RESOURCES);
        let (provider, client) = pair(&nmr);
        client.register();
        up([&provider]);
        assert_eq!((client.offers(), provider.offers()), (0, 0));
        down([&provider]);
        clean(&nmr);
    }

    /// INF: A module may register again after a failure.
    register_again_after_failure {
        let nmr = nmr();
        nmr.host().fail_next(Call::Register, Side::Client, STATUS_INSUFFICIENT_RESOURCES);
        let (provider, client) = pair(&nmr);
        up([&provider]);
        client.register();
        up([&client]);
        assert_eq!(client.peers().len(), 1);
        down([&provider, &client]);
        clean(&nmr);
    }

    /// HDR: The registration context is optional, and handed on as it is.
    null_context_is_handed_on {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.client.ClientAttachProvider = Some(remember_context);
        up([&provider]);
        let mut handle = ptr::null_mut();
        // SAFETY: the structure lives in this function, as does the registration.
        let status = unsafe {
            nmr.register_client(&raw const client.client, ptr::null_mut(), &raw mut handle)
        };
        assert_eq!(status, STATUS_SUCCESS);
        assert!(SEEN.load(Ordering::Relaxed).is_null());
        nmr.deregister_client(handle);
        assert_eq!(nmr.wait_for_client_deregister_complete(handle), STATUS_SUCCESS);
        down([&provider]);
        clean(&nmr);
    }

    /// D1: A client may register before there is a provider.
    client_first {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&client]);
        assert_eq!(client.offers(), 0);
        up([&provider]);
        assert_eq!(client.offers(), 1);
        down([&client, &provider]);
    }

    /// D1: A provider may register before there is a client.
    provider_first {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider]);
        assert_eq!(provider.offers(), 0);
        up([&client]);
        assert_eq!(provider.offers(), 1);
        down([&client, &provider]);
    }

    /// W1: NMR calls `ClientAttachProvider` at once if the provider is already registered.
    client_is_attached_when_register_returns {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        assert_eq!((client.peers().len(), provider.peers().len()), (1, 1));
        down([&client, &provider]);
    }

    /// CODE: A provider's clients are attached when `NmrRegisterProvider` returns.
    provider_is_attached_when_register_returns {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&client, &provider]);
        assert_eq!((client.peers().len(), provider.peers().len()), (1, 1));
        down([&client, &provider]);
    }

    /// CODE: Attach callbacks run on the thread that registers.
    attach_on_the_registering_thread {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        let here = thread::current().id();
        client.on_offer = Box::new(move |offer| {
            assert_eq!(thread::current().id(), here);
            offer.accept()
        });
        up([&client, &provider]);
        assert_eq!(client.offers(), 1);
        down([&client, &provider]);
    }

    /// ISSUE: `NmrRegisterClient` may attach and then detach before it returns.
    attach_and_detach_inside_register {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.link_to(&provider);
        client.on_offer = Box::new(|offer| {
            let status = offer.accept();
            offer.module.linked().deregister();
            status
        });
        up([&provider, &client]);
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
        assert_eq!(provider.wait(), STATUS_SUCCESS);
        down([&client]);
        clean(&nmr);
    }

    /// N5: A driver may register more than once.
    a_driver_registers_twice {
        let nmr = nmr();
        let (provider, first) = pair(&nmr);
        let second = Module::new(&nmr, Side::Client, &NPI);
        up([&provider, &first, &second]);
        assert_ne!(first.handle(), second.handle());
        assert_eq!(provider.peers().len(), 2);
        down([&first, &second, &provider]);
        clean(&nmr);
    }

    /// N5: A driver may be a client of one NPI and a provider of another.
    client_and_provider_at_once {
        let nmr = nmr();
        let (lower, middle_client) = pair(&nmr);
        let middle_provider = Module::new(&nmr, Side::Provider, &OTHER_NPI);
        let upper = Module::new(&nmr, Side::Client, &OTHER_NPI);
        up([&middle_provider, &middle_client, &lower, &upper]);
        assert_eq!((middle_client.peers().len(), middle_provider.peers().len()), (1, 1));
        down([&middle_client, &middle_provider, &lower, &upper]);
        clean(&nmr);
    }

    /// D1: Registering calls nobody but attach callbacks.
    register_only_attaches {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider]);
        nmr.take_events();
        up([&client]);
        let calls = begun(&nmr.take_events());
        assert_eq!(calls, [
            (Side::Client, Call::Register),
            (Side::Client, Call::AttachCallback),
            (Side::Client, Call::AttachProvider),
            (Side::Provider, Call::AttachCallback),
        ]);
        down([&client, &provider]);
    }
}
