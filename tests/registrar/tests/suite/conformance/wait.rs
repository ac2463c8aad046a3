// SPDX-License-Identifier: MIT OR Apache-2.0

//! `NmrWaitForClientDeregisterComplete`, `NmrWaitForProviderDeregisterComplete`.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nmr::abi::{STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS, STATUS_UNSUCCESSFUL};
use registrar::Registrar;
use registrar::host::Side;
use registrar::process::at_irql;

use super::resources::Frugal;
use crate::support::{Module, NPI, clean, down, nmr, pair, rules, up};

/// Long enough for a wait that returns too early to be seen.
const A_WHILE: Duration = Duration::from_millis(20);

super::statements! {
    /// D1: `NmrWaitForClientDeregisterComplete` answers `STATUS_SUCCESS` when the deregistration is complete.
    wait_for_client {
        let nmr = nmr();
        let (_, client) = pair(&nmr);
        up([&client]);
        client.deregister();
        assert_eq!(client.wait(), STATUS_SUCCESS);
        clean(&nmr);
    }

    /// D1: `NmrWaitForProviderDeregisterComplete` answers `STATUS_SUCCESS` when the deregistration is complete.
    wait_for_provider {
        let nmr = nmr();
        let (provider, _) = pair(&nmr);
        up([&provider]);
        provider.deregister();
        assert_eq!(provider.wait(), STATUS_SUCCESS);
        clean(&nmr);
    }

    /// D1: Waiting for a client that was not deregistered answers `STATUS_INVALID_PARAMETER`.
    wait_for_client_too_early {
        let nmr = nmr();
        let (_, client) = pair(&nmr);
        up([&client]);
        assert_eq!(client.wait(), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [28]);
        down([&client]);
    }

    /// D1: Waiting for a provider that was not deregistered answers `STATUS_INVALID_PARAMETER`.
    wait_for_provider_too_early {
        let nmr = nmr();
        let (provider, _) = pair(&nmr);
        up([&provider]);
        assert_eq!(provider.wait(), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [28]);
        down([&provider]);
    }

    /// D1: Waiting on what is no handle answers `STATUS_INVALID_PARAMETER`.
    wait_on_no_handle {
        let nmr = nmr();
        let nonsense = crate::support::poison();
        assert_eq!(nmr.wait_for_client_deregister_complete(nonsense), STATUS_INVALID_PARAMETER);
        assert_eq!(nmr.wait_for_provider_deregister_complete(ptr::null_mut()), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [22, 23]);
    }

    /// D1: Waiting for a provider on a client's handle answers `STATUS_INVALID_PARAMETER`.
    wait_on_the_other_kind {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        assert_eq!(nmr.wait_for_provider_deregister_complete(client.handle()), STATUS_INVALID_PARAMETER);
        assert_eq!(nmr.wait_for_client_deregister_complete(provider.handle()), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [22, 22]);
        down([&provider, &client]);
    }

    /// D1: The wait lasts until every pending detach is completed.
    wait_lasts {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(client.wait(), STATUS_SUCCESS);
                done.store(true, Ordering::Release);
            });
            thread::sleep(A_WHILE);
            assert!(!done.load(Ordering::Acquire));
            provider.peer().complete();
        });
        assert!(done.into_inner());
        down([&provider]);
        clean(&nmr);
    }

    /// INF: When the wait returns, the cleanup callbacks have returned.
    wait_includes_cleanup {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        client.on_cleanup = Box::new(|peer| {
            thread::sleep(A_WHILE);
            peer.cleaned.fetch_add(10, Ordering::Release);
        });
        up([&provider, &client]);
        client.deregister();
        thread::scope(|scope| {
            scope.spawn(|| provider.peer().complete());
            assert_eq!(client.wait(), STATUS_SUCCESS);
            assert_eq!(client.peer().cleaned.load(Ordering::Acquire), 11);
        });
        down([&provider]);
        clean(&nmr);
    }

    /// HDR: The wait closes the registration: its handle is dead afterwards.
    wait_ends_the_handle {
        let nmr = nmr();
        let (_, client) = pair(&nmr);
        up([&client]);
        down([&client]);
        assert_eq!(client.wait(), STATUS_INVALID_PARAMETER);
        assert_eq!(client.deregister(), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [23, 23]);
    }

    /// INF: A handle is not given out again for another registration.
    handles_are_not_reused {
        let nmr = nmr();
        let (_, client) = pair(&nmr);
        let mut seen = Vec::new();
        for _ in 0..100 {
            up([&client]);
            assert!(!seen.contains(&client.handle()));
            seen.push(client.handle());
            down([&client]);
        }
        clean(&nmr);
    }

    /// INF: Several threads may wait for one deregistration.
    two_threads_wait {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        thread::scope(|scope| {
            let waits = [(); 2].map(|()| scope.spawn(|| client.wait()));
            thread::sleep(A_WHILE);
            provider.peer().complete();
            for wait in waits {
                assert_eq!(wait.join().unwrap(), STATUS_SUCCESS);
            }
        });
        down([&provider]);
        clean(&nmr);
    }

    /// D1: The wait is legal below `DISPATCH_LEVEL`.
    wait_at_apc_level {
        let nmr = nmr();
        let (_, client) = pair(&nmr);
        up([&client]);
        client.deregister();
        at_irql(1, || assert_eq!(client.wait(), STATUS_SUCCESS));
        clean(&nmr);
    }

    /// N6: A driver with two registrations deregisters both and then waits for both.
    deregister_both_then_wait_for_both {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        assert_eq!((provider.deregister(), client.deregister()), (STATUS_PENDING, STATUS_PENDING));
        assert_eq!((provider.wait(), client.wait()), (STATUS_SUCCESS, STATUS_SUCCESS));
        assert_eq!(nmr.live_registrations(), []);
        clean(&nmr);
    }

    /// INF: A wait in a callback that it would wait for returns at once, though nobody checks.
    wait_in_its_own_callback {
        fn end(module: &Module<Frugal>) {
            assert_eq!(module.deregister(), STATUS_PENDING);
            assert_eq!(module.wait(), STATUS_UNSUCCESSFUL);
        }
        for place in 0..6 {
            let nmr = Arc::new(Registrar::new(Frugal));
            let mut modules = [Side::Provider, Side::Client].map(|side| Module::new(&nmr, side, &NPI));
            let [provider, client] = &mut modules;
            let by = if place % 2 == 0 { provider } else { client };
            match place {
                0 => by.on_asked = Box::new(|asked| { end(asked.module); asked.accept() }),
                1 => by.on_offer = Box::new(|offer| { end(offer.module); offer.accept() }),
                2 | 3 => by.on_detach = Box::new(|peer| {
                    assert_eq!(peer.module().wait(), STATUS_UNSUCCESSFUL);
                    STATUS_SUCCESS
                }),
                _ => by.on_cleanup = Box::new(|peer| {
                    assert_eq!(peer.module().wait(), STATUS_UNSUCCESSFUL);
                }),
            }
            let [provider, client] = &modules;
            assert_eq!((provider.register(), client.register()), (STATUS_SUCCESS, STATUS_SUCCESS));
            let [first, second] = if place % 2 == 0 { [provider, client] } else { [client, provider] };
            if place > 1 {
                assert_eq!(first.deregister(), STATUS_PENDING);
            }
            assert_eq!(first.wait(), STATUS_SUCCESS, "{place}");
            assert_eq!((second.deregister(), second.wait()), (STATUS_PENDING, STATUS_SUCCESS));
            assert_eq!(nmr.live_registrations(), []);
        }
    }

    /// N6: Unload returns only when every deregistration is complete.
    unload_needs_the_wait {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        client.deregister();
        let left: Vec<bool> = nmr.live_registrations().iter().map(|one| one.deregistering).collect();
        assert_eq!(left, [false, true], "the provider has not even begun");
        client.wait();
        down([&provider]);
        assert_eq!(nmr.live_registrations(), []);
    }
}
