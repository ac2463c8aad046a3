// SPDX-License-Identifier: MIT OR Apache-2.0

//! The detach callbacks and the `DetachComplete` functions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{ptr, thread};

use nmr::abi::{STATUS_PENDING, STATUS_SUCCESS};
use registrar::host::{Call, Host, Side};
use registrar::knobs::Knob;
use registrar::process::at_irql;

use crate::support::{Module, NPI, begun, clean, down, nmr, notes, pair, rules, up};

/// A client whose detach, or whose provider's, pends deregisters; then the detach
/// completes.
fn one_side_pends(pending: Side) {
    let nmr = nmr();
    let (mut provider, mut client) = pair(&nmr);
    match pending {
        Side::Client => client.on_detach = Box::new(|_| STATUS_PENDING),
        Side::Provider => provider.on_detach = Box::new(|_| STATUS_PENDING),
    }
    up([&provider, &client]);
    client.deregister();
    assert_eq!((client.ends(), provider.ends()), ((1, 0), (1, 0)));
    match pending {
        Side::Client => client.peer().complete(),
        Side::Provider => provider.peer().complete(),
    }
    assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
    assert_eq!(client.wait(), STATUS_SUCCESS);
    down([&provider]);
    clean(&nmr);
}

/// A provider deregisters while both detaches pend; that of `first` completes before
/// the other.
fn both_pend(first: Side) {
    let nmr = nmr();
    let (mut provider, mut client) = pair(&nmr);
    provider.on_detach = Box::new(|_| STATUS_PENDING);
    client.on_detach = Box::new(|_| STATUS_PENDING);
    up([&provider, &client]);
    provider.deregister();
    let (first, second) = match first {
        Side::Client => (&client, &provider),
        Side::Provider => (&provider, &client),
    };
    first.peer().complete();
    assert_eq!((client.ends(), provider.ends()), ((1, 0), (1, 0)));
    second.peer().complete();
    assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
    assert_eq!(provider.wait(), STATUS_SUCCESS);
    down([&client]);
    clean(&nmr);
}

super::statements! {
    /// D2: Both detach callbacks may return `STATUS_SUCCESS`: the binding is gone when they have.
    both_detach_at_once {
        let nmr = nmr();
        let (provider, client) = pair(&nmr);
        up([&provider, &client]);
        client.deregister();
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
        client.wait();
        down([&provider]);
        clean(&nmr);
    }

    /// D2: `ClientDetachProvider` may return `STATUS_PENDING`; `NmrClientDetachProviderComplete` ends that.
    client_pends {
        one_side_pends(Side::Client);
    }

    /// D2: `ProviderDetachClient` may return `STATUS_PENDING`; `NmrProviderDetachClientComplete` ends that.
    provider_pends {
        one_side_pends(Side::Provider);
    }

    /// D2: Both may pend; the client may complete first.
    both_pend_client_completes_first {
        both_pend(Side::Client);
    }

    /// D2: Both may pend; the provider may complete first.
    both_pend_provider_completes_first {
        both_pend(Side::Provider);
    }

    /// CODE: A completion may come inside the detach callback, before it returns `STATUS_PENDING`.
    completion_inside_the_callback {
        for prompt in [0, 1] {
            let nmr = nmr();
            nmr.host().fix(Knob::EarlyComplete, Some(prompt));
            let (provider, mut client) = pair(&nmr);
            client.on_detach = Box::new(|peer| {
                peer.complete();
                STATUS_PENDING
            });
            up([&provider, &client]);
            down([&client]);
            assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
            down([&provider]);
            clean(&nmr);
        }
    }

    /// CODE: When such a completion counts is not said: cleanup may run before the callback has returned.
    prompt_completion_cleans_up_inside {
        let nmr = nmr();
        nmr.host().fix(Knob::EarlyComplete, Some(1));
        nmr.host().fix(Knob::DetachOrder, Some(1));
        let (provider, mut client) = pair(&nmr);
        client.on_detach = Box::new(|peer| {
            peer.complete();
            assert_eq!(peer.cleaned.load(Ordering::Relaxed), 1);
            STATUS_PENDING
        });
        up([&provider, &client]);
        down([&client, &provider]);
        assert_eq!(client.ends(), (1, 1));
        clean(&nmr);
    }

    /// CODE: A completion that comes before the detach callback is remembered.
    completion_before_the_callback {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        provider.peer().complete();
        assert_eq!(provider.ends(), (0, 0));
        down([&provider, &client]);
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
        clean(&nmr);
        assert_eq!(notes(&nmr), [21]);
    }

    /// D1: The `DetachComplete` functions may be called at `DISPATCH_LEVEL`.
    complete_at_dispatch {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        client.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        at_irql(2, || {
            client.peer().complete();
            provider.peer().complete();
        });
        assert_eq!(client.wait(), STATUS_SUCCESS);
        down([&provider]);
        clean(&nmr);
    }

    /// INF: They may be called on any thread.
    complete_on_another_thread {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        let peer = client.peer();
        thread::spawn(move || peer.complete()).join().unwrap();
        assert_eq!(client.wait(), STATUS_SUCCESS);
        down([&provider]);
        clean(&nmr);
    }

    /// D2: A detach callback receives its own side's binding context.
    detach_gets_its_own_context {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        for module in [&mut provider, &mut client] {
            module.on_detach = Box::new(|peer| {
                assert!(ptr::eq(Arc::as_ptr(&peer.module().peer()), peer));
                STATUS_SUCCESS
            });
        }
        up([&provider, &client]);
        down([&provider, &client]);
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
    }

    /// N3: A detach callback is called once for each attached peer.
    detach_once_per_peer {
        let nmr = nmr();
        let providers = [(); 3].map(|()| Module::new(&nmr, Side::Provider, &NPI));
        let client = Module::new(&nmr, Side::Client, &NPI);
        up(providers.each_ref());
        up([&client]);
        down([&client]);
        let peers = client.peers();
        assert!(peers.iter().all(|peer| peer.detached.load(Ordering::Relaxed) == 1));
        down(providers.each_ref());
        clean(&nmr);
    }

    /// D2: Detach callbacks run at IRQL <= `DISPATCH_LEVEL`: at the caller's, or raised.
    detach_at_dispatch {
        for (answer, irql) in [(0, 0), (1, 2)] {
            let nmr = nmr();
            nmr.host().fix(Knob::CallbackIrql, Some(answer));
            let (mut provider, mut client) = pair(&nmr);
            for module in [&mut provider, &mut client] {
                module.on_detach = Box::new(move |peer| {
                    assert_eq!(peer.nmr.host().irql(), irql);
                    STATUS_SUCCESS
                });
            }
            up([&provider, &client]);
            down([&client]);
            assert_eq!(nmr.host().irql(), 0);
            down([&provider]);
            clean(&nmr);
        }
    }

    /// D2: Which detach callback comes first is not said.
    detach_in_either_order {
        for (answer, first) in [(0, Side::Client), (1, Side::Provider)] {
            let nmr = nmr();
            nmr.host().fix(Knob::DetachOrder, Some(answer));
            let (provider, client) = pair(&nmr);
            up([&provider, &client]);
            nmr.take_events();
            down([&client]);
            let calls = begun(&nmr.take_events());
            let detach = calls.iter().find(|&&(_, call)| call == Call::DetachCallback);
            assert_eq!(detach, Some(&(first, Call::DetachCallback)));
            down([&provider]);
        }
    }

    /// N7: Whether the second detach callback waits for the first side's completion is not said.
    detach_overlapping_or_not {
        for (answer, other) in [(0, 1), (1, 0)] {
            let nmr = nmr();
            nmr.host().fix(Knob::DetachOverlap, Some(answer));
            let (provider, mut client) = pair(&nmr);
            client.on_detach = Box::new(|_| STATUS_PENDING);
            up([&provider, &client]);
            provider.deregister();
            assert_eq!(provider.ends().0, other);
            client.peer().complete();
            assert_eq!(provider.ends(), (1, 1));
            assert_eq!(provider.wait(), STATUS_SUCCESS);
            down([&client]);
            clean(&nmr);
        }
    }

    /// D1: Completing is for a detach that pended: after `STATUS_SUCCESS` it changes nothing.
    completing_after_success_changes_nothing {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        client.peer().complete();
        assert_eq!((client.ends(), provider.ends()), ((1, 0), (1, 0)));
        assert_eq!(rules(&nmr), [20]);
        provider.peer().complete();
        assert_eq!(client.wait(), STATUS_SUCCESS);
        down([&provider]);
    }

    /// D1: Each side completes once: a second completion does not stand in for the other side's.
    completing_twice_changes_nothing {
        let nmr = nmr();
        let (mut provider, mut client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        client.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        client.peer().complete();
        client.peer().complete();
        assert_eq!(provider.ends(), (1, 0));
        assert_eq!(rules(&nmr), [20]);
        provider.peer().complete();
        assert_eq!(client.wait(), STATUS_SUCCESS);
        down([&provider]);
    }

    /// CODE: What NMR does with another status than the two is not said.
    odd_detach_status {
        for answer in [0, 1] {
            let nmr = nmr();
            nmr.host().fix(Knob::OddDetachStatus, Some(answer));
            let (provider, mut client) = pair(&nmr);
            client.on_detach = Box::new(|_| nmr::abi::STATUS_INVALID_PARAMETER);
            up([&provider, &client]);
            client.deregister();
            assert_eq!(rules(&nmr), [17]);
            if answer == 1 {
                assert_eq!(client.ends(), (1, 0));
                client.peer().complete();
            }
            assert_eq!(client.ends(), (1, 1));
            client.wait();
            down([&provider]);
        }
    }

    /// INF: Detach callbacks may call NMR: registering from one is no deadlock.
    detach_may_register {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        let other = Module::new(&nmr, Side::Provider, &crate::support::OTHER_NPI);
        client.link_to(&other);
        client.on_detach = Box::new(|peer| {
            assert_eq!(peer.module().linked().register(), STATUS_SUCCESS);
            STATUS_SUCCESS
        });
        up([&provider, &client]);
        down([&client, &provider, &other]);
        clean(&nmr);
    }

    /// N8: While a module is being detached from one peer it works on with the others.
    others_go_on_while_one_detaches {
        let nmr = nmr();
        let (mut leaver, client) = pair(&nmr);
        let stayer = Module::new(&nmr, Side::Provider, &NPI);
        let calls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&calls);
        leaver.on_detach = Box::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            STATUS_PENDING
        });
        up([&leaver, &stayer, &client]);
        leaver.deregister();
        let late = Module::new(&nmr, Side::Client, &NPI);
        up([&late]);
        assert_eq!((late.peers().len(), stayer.peers().len()), (1, 2));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        leaver.peer().complete();
        assert_eq!(leaver.wait(), STATUS_SUCCESS);
        down([&client, &late, &stayer]);
        clean(&nmr);
    }
}
