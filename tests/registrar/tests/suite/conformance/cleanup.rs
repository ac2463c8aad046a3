// SPDX-License-Identifier: MIT OR Apache-2.0

//! The cleanup callbacks.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nmr::abi::{STATUS_PENDING, STATUS_SUCCESS};
use registrar::host::{Call, Host, Side};
use registrar::knobs::Knob;

use crate::support::{Module, NPI, begun, clean, down, nmr, pair, up};

super::statements! {
    /// D2: `ClientCleanupBindingContext` is called once for each binding.
    client_cleanup_once {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        down([&client, &provider]);
        assert_eq!(client.ends().1, 1);
    }

    /// D2: `ProviderCleanupBindingContext` is called once for each binding.
    provider_cleanup_once {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        down([&provider, &client]);
        assert_eq!(provider.ends().1, 1);
    }

    /// D2: No cleanup callback is called before both sides have detached.
    cleanup_after_both {
        for pending in [Side::Client, Side::Provider] {
            let nmr = nmr();
            let (mut provider, mut client) = pair(&nmr);
            let module = if pending == Side::Client { &mut client } else { &mut provider };
            module.on_detach = Box::new(|_| STATUS_PENDING);
            up([&provider, &client]);
            client.deregister();
            assert_eq!((client.ends().1, provider.ends().1), (0, 0));
            let module = if pending == Side::Client { &client } else { &provider };
            module.peer().complete();
            assert_eq!((client.ends().1, provider.ends().1), (1, 1));
            client.wait();
            down([&provider]);
            clean(&nmr);
        }
    }

    /// D3: `ClientCleanupBindingContext` may be NULL.
    client_cleanup_may_be_null {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.client.ClientCleanupBindingContext = None;
        up([&provider, &client]);
        down([&client, &provider]);
        assert_eq!((client.ends(), provider.ends()), ((1, 0), (1, 1)));
        clean(&nmr);
    }

    /// D3: `ProviderCleanupBindingContext` may be NULL.
    provider_cleanup_may_be_null {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.provider.ProviderCleanupBindingContext = None;
        up([&provider, &client]);
        down([&client, &provider]);
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 0)));
        clean(&nmr);
    }

    /// ISSUE: Cleanup may run inside the `DetachComplete` call.
    cleanup_inside_complete {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        nmr.take_events();
        client.peer().complete();
        assert_eq!(begun(&nmr.take_events()), [
            (Side::Client, Call::DetachComplete),
            (Side::Client, Call::CleanupCallback),
            (Side::Provider, Call::CleanupCallback),
        ]);
        client.wait();
        down([&provider]);
    }

    /// D2: A cleanup callback receives its own side's binding context.
    cleanup_gets_its_own_context {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        for module in [&mut provider, &mut client] {
            module.on_cleanup = Box::new(|peer| {
                assert!(ptr::eq(Arc::as_ptr(&peer.module().peer()), peer));
                assert_eq!(peer.detached.load(Ordering::Relaxed), 1);
            });
        }
        up([&provider, &client]);
        down([&provider, &client]);
        assert_eq!((client.ends().1, provider.ends().1), (1, 1));
    }

    /// D2: Which cleanup callback comes first is not said.
    cleanup_in_either_order {
        for (answer, first) in [(0, Side::Client), (1, Side::Provider)] {
            let nmr = nmr();
            nmr.host().fix(Knob::CleanupOrder, Some(answer));
            let (provider, client) = pair(&nmr);
            up([&provider, &client]);
            nmr.take_events();
            down([&client]);
            let calls = begun(&nmr.take_events());
            let cleanup = calls.iter().find(|&&(_, call)| call == Call::CleanupCallback);
            assert_eq!(cleanup, Some(&(first, Call::CleanupCallback)));
            down([&provider]);
        }
    }

    /// D2: Cleanup callbacks run at IRQL <= `DISPATCH_LEVEL`.
    cleanup_at_dispatch {
        let nmr = nmr();
        nmr.host().fix(Knob::CallbackIrql, Some(1));
        let (provider, mut client) = pair(&nmr);
        client.on_cleanup = Box::new(|peer| assert_eq!(peer.nmr.host().irql(), 2));
        up([&provider, &client]);
        down([&client, &provider]);
        assert_eq!(client.ends().1, 1);
        clean(&nmr);
    }

    /// INF: NMR holds no lock of its own in a cleanup callback: it may call NMR.
    cleanup_may_call_nmr {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        let other = Module::new(&nmr, Side::Client, &NPI);
        client.link_to(&other);
        client.on_cleanup = Box::new(|peer| {
            assert_eq!(peer.module().linked().register(), STATUS_SUCCESS);
        });
        up([&provider, &client]);
        down([&client]);
        assert_eq!(other.peers().len(), 1);
        down([&other, &provider]);
        clean(&nmr);
    }
}
