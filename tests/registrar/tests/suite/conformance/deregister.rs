// SPDX-License-Identifier: MIT OR Apache-2.0

//! `NmrDeregisterClient` and `NmrDeregisterProvider`.

use std::sync::mpsc;
use std::time::Duration;
use std::{ptr, thread};

use nmr::abi::{STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS};
use registrar::host::{Call, Side};
use registrar::knobs::Knob;
use registrar::process::at_irql;

use crate::support::{Module, NPI, begun, clean, down, nmr, pair, rules, up};

super::statements! {
    /// D1: `NmrDeregisterClient` answers `STATUS_PENDING`.
    deregister_client_pends {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        assert_eq!(client.deregister(), STATUS_PENDING);
        assert_eq!(client.wait(), STATUS_SUCCESS);
        down([&provider]);
        clean(&nmr);
    }

    /// D1: `NmrDeregisterProvider` answers `STATUS_PENDING`.
    deregister_provider_pends {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        assert_eq!(provider.deregister(), STATUS_PENDING);
        assert_eq!(provider.wait(), STATUS_SUCCESS);
        down([&client]);
        clean(&nmr);
    }

    /// ISSUE: Windows answers `STATUS_PENDING` even where there are no bindings.
    deregister_pends_without_bindings {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        for module in [&provider, &client] {
            up([module]);
            assert_eq!(module.deregister(), STATUS_PENDING);
            assert_eq!(module.wait(), STATUS_SUCCESS);
        }
        clean(&nmr);
    }

    /// CODE: Portable callers stand `STATUS_SUCCESS` for a deregistration that is already complete.
    deregister_may_be_complete_at_once {
        let nmr = nmr();
        nmr.host().fix(Knob::DeregisterWhenIdle, Some(1));
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        assert_eq!(client.deregister(), STATUS_SUCCESS);
        assert_eq!(provider.deregister(), STATUS_SUCCESS);
        assert_eq!(nmr.live_registrations(), []);
        clean(&nmr);
    }

    /// CODE: Even then it is `STATUS_PENDING` while a detach pends.
    deregister_pends_while_a_detach_does {
        let nmr = nmr();
        nmr.host().fix(Knob::DeregisterWhenIdle, Some(1));
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        assert_eq!(client.deregister(), STATUS_PENDING);
        provider.peer().complete();
        assert_eq!(client.wait(), STATUS_SUCCESS);
        assert_eq!(provider.deregister(), STATUS_SUCCESS);
        clean(&nmr);
    }

    /// D1: Deregistering a client calls its `ClientDetachProvider`.
    client_leaving_detaches_the_client {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        down([&client]);
        assert_eq!(client.ends().0, 1);
        down([&provider]);
    }

    /// D1: Deregistering a client calls `ProviderDetachClient` of its providers.
    client_leaving_detaches_the_provider {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        down([&client]);
        assert_eq!(provider.ends().0, 1);
        down([&provider]);
    }

    /// D1: Deregistering a provider calls its `ProviderDetachClient`.
    provider_leaving_detaches_the_provider {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        down([&provider]);
        assert_eq!(provider.ends().0, 1);
        down([&client]);
    }

    /// D1: Deregistering a provider calls `ClientDetachProvider` of its clients.
    provider_leaving_detaches_the_client {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        down([&provider]);
        assert_eq!(client.ends().0, 1);
        down([&client]);
    }

    /// D1: Every binding of the module is detached.
    all_bindings_are_detached {
        let nmr = nmr();
        let clients = [(); 5].map(|()| Module::new(&nmr, Side::Client, &NPI));
        let provider = Module::new(&nmr, Side::Provider, &NPI);
        up([&provider]);
        up(clients.each_ref());
        down([&provider]);
        assert_eq!(provider.ends(), (5, 5));
        assert!(clients.iter().all(|client| client.ends() == (1, 1)));
        down(clients.each_ref());
        clean(&nmr);
    }

    /// N7: Bindings of other modules are left alone.
    other_bindings_stay {
        let nmr = nmr();
        let (provider, leaver) = pair(&nmr);
        let stayer = Module::new(&nmr, Side::Client, &NPI);
        up([&provider, &leaver, &stayer]);
        down([&leaver]);
        assert_eq!(stayer.ends(), (0, 0));
        assert_eq!(provider.ends(), (1, 1));
        down([&stayer, &provider]);
        clean(&nmr);
    }

    /// N7: The peer stays registered.
    peer_stays_registered {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        down([&client]);
        let live = nmr.live_registrations();
        assert_eq!(live.len(), 1);
        assert_eq!((live[0].side, live[0].deregistering), (Side::Provider, false));
        down([&provider]);
    }

    /// D2: Nothing but a deregistration detaches.
    only_deregistering_detaches {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        let others = [(); 3].map(|()| Module::new(&nmr, Side::Client, &NPI));
        up([&provider, &client]);
        up(others.each_ref());
        let calls = begun(&nmr.take_events());
        assert!(!calls.iter().any(|&(_, call)| call == Call::DetachCallback));
        down([&provider, &client]);
        down(others.each_ref());
    }

    /// D1: `NmrDeregister...` may be called at `DISPATCH_LEVEL`.
    deregister_at_dispatch {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        at_irql(2, || {
            assert_eq!(client.deregister(), STATUS_PENDING);
            assert_eq!(provider.deregister(), STATUS_PENDING);
        });
        assert_eq!((client.wait(), provider.wait()), (STATUS_SUCCESS, STATUS_SUCCESS));
        clean(&nmr);
    }

    /// D1: `NmrDeregisterClient` wants a client's handle.
    deregister_client_wants_a_client {
        let nmr = nmr();
        let (provider, _) = pair(&nmr);
        up([&provider]);
        assert_eq!(nmr.deregister_client(provider.handle()), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [22]);
        down([&provider]);
        clean(&nmr);
    }

    /// D1: `NmrDeregisterProvider` wants a provider's handle.
    deregister_provider_wants_a_provider {
        let nmr = nmr();
        let (_, client) = pair(&nmr);
        up([&client]);
        assert_eq!(nmr.deregister_provider(client.handle()), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [22]);
        down([&client]);
        clean(&nmr);
    }

    /// ISSUE: Deregistering NULL faults on Windows; here it is diagnosed.
    deregistering_null_is_diagnosed {
        let nmr = nmr();
        assert_eq!(nmr.deregister_provider(ptr::null_mut()), STATUS_INVALID_PARAMETER);
        assert_eq!(rules(&nmr), [23]);
    }

    /// INF: A module may deregister inside one of its own callbacks; nothing forbids it.
    deregister_inside_a_callback {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_detach = Box::new(|peer| {
            assert_eq!(peer.module().deregister(), STATUS_PENDING);
            STATUS_SUCCESS
        });
        up([&provider, &client]);
        down([&provider]);
        assert_eq!(client.wait(), STATUS_SUCCESS);
        clean(&nmr);
    }

    /// INF: A wait that has begun before `NmrDeregister...` returns ends with it.
    a_wait_may_begin_inside_the_deregistration {
        let nmr = nmr();
        nmr.host().fix(Knob::DeregisterWhenIdle, Some(1));
        let (provider, mut client) = pair(&nmr);
        let (detaching, is_detaching) = mpsc::channel();
        client.on_detach = Box::new(move |_| {
            detaching.send(()).unwrap();
            thread::sleep(Duration::from_millis(50));
            STATUS_SUCCESS
        });
        up([&provider, &client]);
        thread::scope(|scope| {
            let client = &client;
            let waiting = scope.spawn(move || {
                is_detaching.recv().unwrap();
                client.wait()
            });
            assert_eq!(client.deregister(), STATUS_PENDING, "somebody waits for it");
            assert_eq!(waiting.join().unwrap(), STATUS_SUCCESS);
        });
        clean(&nmr);
    }
}
