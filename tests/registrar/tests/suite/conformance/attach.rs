// SPDX-License-Identifier: MIT OR Apache-2.0

//! `ClientAttachProvider`, `NmrClientAttachProvider`, `ProviderAttachClient`.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nmr::abi::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_NOINTERFACE, STATUS_PENDING,
    STATUS_SUCCESS,
};
use registrar::host::{Call, Host, Side};
use registrar::knobs::Knob;

use crate::support::{Module, NPI, clean, down, nmr, pair, rules, up};

super::statements! {
    /// D2: A client refuses with `STATUS_NOINTERFACE`, without `NmrClientAttachProvider`.
    client_refuses {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|_| STATUS_NOINTERFACE);
        up([&provider, &client]);
        assert_eq!((client.offers(), provider.offers()), (1, 0));
        down([&provider, &client]);
        assert_eq!((client.ends(), provider.ends()), ((0, 0), (0, 0)));
        clean(&nmr);
    }

    /// D2: A client may fail with another error.
    client_fails {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|_| STATUS_INSUFFICIENT_RESOURCES);
        up([&provider, &client]);
        assert_eq!(provider.offers(), 0);
        down([&provider, &client]);
        clean(&nmr);
    }

    /// D1: `NmrClientAttachProvider` calls `ProviderAttachClient` and answers its `STATUS_SUCCESS`.
    provider_accepts {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|offer| {
            assert_eq!(offer.accept(), STATUS_SUCCESS);
            STATUS_SUCCESS
        });
        up([&provider, &client]);
        assert_eq!(provider.offers(), 1);
        down([&provider, &client]);
        clean(&nmr);
    }

    /// D1: `NmrClientAttachProvider` answers the provider's `STATUS_NOINTERFACE`.
    provider_refuses {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_asked = Box::new(|_| STATUS_NOINTERFACE);
        client.on_offer = Box::new(|offer| {
            assert_eq!(offer.accept(), STATUS_NOINTERFACE);
            STATUS_NOINTERFACE
        });
        up([&provider, &client]);
        down([&provider, &client]);
        assert_eq!((client.ends(), provider.ends()), ((0, 0), (0, 0)));
        clean(&nmr);
    }

    /// D1: `NmrClientAttachProvider` answers any other error of the provider's.
    provider_fails {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_asked = Box::new(|_| STATUS_INSUFFICIENT_RESOURCES);
        client.on_offer = Box::new(|offer| {
            assert_eq!(offer.accept(), STATUS_INSUFFICIENT_RESOURCES);
            STATUS_INSUFFICIENT_RESOURCES
        });
        up([&provider, &client]);
        down([&provider, &client]);
        clean(&nmr);
    }

    /// D2: The provider receives the client's binding context.
    provider_gets_the_client_s_context {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        let context = provider.peer().context.load(Ordering::Relaxed);
        assert!(ptr::eq(context.cast_const().cast(), Arc::as_ptr(&client.peer())));
        down([&provider, &client]);
    }

    /// D2: The provider receives the client's dispatch table.
    provider_gets_the_client_s_dispatch {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        let dispatch = provider.peer().dispatch.load(Ordering::Relaxed);
        assert!(ptr::eq(dispatch.cast_const(), client.dispatch));
        down([&provider, &client]);
    }

    /// D1: The client receives the provider's binding context.
    client_gets_the_provider_s_context {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        let context = client.peer().context.load(Ordering::Relaxed);
        assert!(ptr::eq(context.cast_const().cast(), Arc::as_ptr(&provider.peer())));
        down([&provider, &client]);
    }

    /// D1: The client receives the provider's dispatch table.
    client_gets_the_provider_s_dispatch {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        let dispatch = client.peer().dispatch.load(Ordering::Relaxed);
        assert!(ptr::eq(dispatch.cast_const(), provider.dispatch));
        down([&provider, &client]);
    }

    /// D1: `ClientDispatch` is NULL where the NPI defines no client dispatch.
    client_dispatch_may_be_null {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.dispatch = ptr::null();
        up([&provider, &client]);
        assert!(provider.peer().dispatch.load(Ordering::Relaxed).is_null());
        down([&provider, &client]);
        clean(&nmr);
    }

    /// CODE: A provider may accept with a NULL dispatch table.
    provider_dispatch_may_be_null {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.dispatch = ptr::null();
        up([&provider, &client]);
        assert!(client.peer().dispatch.load(Ordering::Relaxed).is_null());
        down([&provider, &client]);
        clean(&nmr);
    }

    /// INF: On failure the out parameters of `NmrClientAttachProvider` receive nothing.
    failure_writes_nothing {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_asked = Box::new(|asked| {
            asked.accept();
            STATUS_NOINTERFACE
        });
        client.on_offer = Box::new(|offer| {
            let (mut context, mut dispatch) = (crate::support::poison(), ptr::null());
            // SAFETY: the outs are locals; the attach fails.
            let status = unsafe {
                offer.module.nmr.client_attach_provider(
                    offer.handle, ptr::null_mut(), ptr::null(), &raw mut context, &raw mut dispatch,
                )
            };
            assert_eq!((context, dispatch), (crate::support::poison(), ptr::null()));
            status
        });
        up([&provider, &client]);
        assert_eq!(client.offers(), 1);
        down([&provider, &client]);
        clean(&nmr);
    }

    /// N2: NULL out parameters are refused with `STATUS_INVALID_PARAMETER`.
    null_outs_are_refused {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|offer| {
            // SAFETY: null pointers are allowed.
            let status = unsafe {
                offer.module.nmr.client_attach_provider(
                    offer.handle, ptr::null_mut(), ptr::null(), ptr::null_mut(), ptr::null_mut(),
                )
            };
            assert_eq!(status, STATUS_INVALID_PARAMETER);
            status
        });
        up([&provider, &client]);
        assert_eq!((client.offers(), provider.offers()), (1, 0));
        assert_eq!(rules(&nmr), [1]);
        down([&provider, &client]);
    }

    /// W1: A client may call `NmrClientAttachProvider` again, with another dispatch, after `STATUS_NOINTERFACE`.
    client_retries {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_asked = Box::new(|asked| {
            if asked.module.offers() < 3 { STATUS_NOINTERFACE } else { asked.accept() }
        });
        client.on_offer = Box::new(|offer| {
            assert_eq!(offer.accept(), STATUS_NOINTERFACE);
            assert_eq!(offer.accept(), STATUS_NOINTERFACE);
            offer.accept()
        });
        up([&provider, &client]);
        assert_eq!((client.offers(), provider.offers()), (1, 3));
        assert_eq!(client.peers().len(), 1);
        down([&provider, &client]);
        clean(&nmr);
    }

    /// W1: After retries `ClientAttachProvider` returns the last one's status.
    last_status_counts {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_asked = Box::new(|asked| {
            if asked.module.offers() < 2 { STATUS_NOINTERFACE } else { STATUS_INSUFFICIENT_RESOURCES }
        });
        client.on_offer = Box::new(|offer| {
            offer.accept();
            offer.accept()
        });
        up([&provider, &client]);
        clean(&nmr);
        down([&provider, &client]);
    }

    /// N1: A client that refuses one provider may accept another.
    refusing_one_accepting_another {
        let nmr = nmr();
        let (first, mut client) = pair(&nmr);
        let second = Module::new(&nmr, Side::Provider, &NPI);
        client.on_offer = Box::new(|offer| {
            if offer.module.offers() == 1 { STATUS_NOINTERFACE } else { offer.accept() }
        });
        up([&first, &second, &client]);
        assert_eq!((first.peers().len(), second.peers().len()), (0, 1));
        down([&client, &first, &second]);
        clean(&nmr);
    }

    /// D1: After a failed attach no cleanup callback is called: the client frees its context itself.
    failed_attach_has_no_cleanup {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_asked = Box::new(|asked| {
            asked.accept();
            STATUS_NOINTERFACE
        });
        up([&provider, &client]);
        down([&provider, &client]);
        assert_eq!((client.ends(), provider.ends()), ((0, 0), (0, 0)));
        clean(&nmr);
    }

    /// ISSUE: A binding is linked when `ClientAttachProvider` returned `NT_SUCCESS`, not only `STATUS_SUCCESS`.
    any_success_links {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|offer| {
            offer.accept();
            STATUS_PENDING
        });
        up([&provider, &client]);
        assert_eq!(rules(&nmr), [13]);
        down([&provider, &client]);
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
    }

    /// D2: Attach callbacks run at `PASSIVE_LEVEL`.
    attach_at_passive_level {
        let nmr = nmr();
        nmr.host().fix(Knob::CallbackIrql, Some(1));
        let (mut provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|offer| {
            assert_eq!(offer.module.nmr.host().irql(), 0);
            offer.accept()
        });
        provider.on_asked = Box::new(|asked| {
            assert_eq!(asked.module.nmr.host().irql(), 0);
            asked.accept()
        });
        up([&provider, &client]);
        assert_eq!((client.offers(), provider.offers()), (1, 1));
        down([&provider, &client]);
        clean(&nmr);
    }

    /// D2: Each side receives a handle for the binding; they are not interchangeable.
    each_side_has_its_own_handle {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        assert_ne!(client.peer().handle, provider.peer().handle);
        assert_ne!(client.peer().handle, client.handle());
        down([&provider, &client]);
    }

    /// N10: Each binding of a module has its own handle.
    each_binding_has_its_own_handle {
        let nmr = nmr();
        let (first, client) = pair(&nmr);
        let second = Module::new(&nmr, Side::Provider, &NPI);
        up([&first, &second, &client]);
        let peers = client.peers();
        assert_ne!(peers[0].handle, peers[1].handle);
        down([&client, &first, &second]);
    }

    /// ISSUE: A client that fails after the provider accepted leaves the provider to be detached and cleaned up.
    client_fails_late {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|offer| {
            offer.accept();
            STATUS_INSUFFICIENT_RESOURCES
        });
        up([&provider, &client]);
        assert_eq!((client.ends(), provider.ends()), ((0, 0), (1, 1)));
        assert_eq!(rules(&nmr), [11]);
        down([&provider, &client]);
    }

    /// D1: `NmrClientAttachProvider` may fail before the provider is asked.
    attach_provider_may_lack_resources {
        let nmr = nmr();
        nmr.host().fail_next(Call::AttachProvider, Side::Client, STATUS_INSUFFICIENT_RESOURCES);
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        assert_eq!((client.offers(), provider.offers()), (1, 0));
        assert_eq!(client.peers().len(), 0);
        down([&provider, &client]);
        clean(&nmr);
    }

    /// INF: Attach callbacks may call NMR: registering from one is no deadlock.
    attach_may_register {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        let other = Module::new(&nmr, Side::Client, &crate::support::OTHER_NPI);
        client.link_to(&other);
        client.on_offer = Box::new(|offer| {
            assert_eq!(offer.module.linked().register(), STATUS_SUCCESS);
            offer.accept()
        });
        up([&provider, &client]);
        down([&provider, &client, &other]);
        clean(&nmr);
    }
}
