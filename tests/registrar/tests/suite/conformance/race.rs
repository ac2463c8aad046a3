// SPDX-License-Identifier: MIT OR Apache-2.0

//! What happens when calls cross.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nmr::abi::{STATUS_PENDING, STATUS_SUCCESS};
use registrar::host::Side;

use crate::support::{Module, NPI, clean, down, nmr, pair, seeded, up};

super::statements! {
    /// W2: If both ends deregister, `ClientDetachProvider` is still called only once.
    both_deregister_client_detached_once {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        client.deregister();
        provider.deregister();
        assert_eq!(client.ends().0, 1);
        provider.peer().complete();
        assert_eq!((client.wait(), provider.wait()), (STATUS_SUCCESS, STATUS_SUCCESS));
        clean(&nmr);
    }

    /// W2: Nor is `ProviderDetachClient` called twice.
    both_deregister_provider_detached_once {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_detach = Box::new(|_| STATUS_PENDING);
        up([&provider, &client]);
        provider.deregister();
        client.deregister();
        assert_eq!(provider.ends().0, 1);
        client.peer().complete();
        assert_eq!((client.wait(), provider.wait()), (STATUS_SUCCESS, STATUS_SUCCESS));
        clean(&nmr);
    }

    /// ISSUE: A provider that deregisters during the attach leaves a late comer, which is detached at once.
    late_comer_of_a_provider {
        let nmr = nmr();
        let (mut provider, client) = pair(&nmr);
        provider.on_asked = Box::new(|asked| {
            asked.module.deregister();
            asked.accept()
        });
        up([&provider, &client]);
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
        assert_eq!(provider.wait(), STATUS_SUCCESS);
        down([&client]);
        clean(&nmr);
    }

    /// ISSUE: A client that deregisters during the attach leaves a late comer, which is detached at once.
    late_comer_of_a_client {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.on_offer = Box::new(|offer| {
            offer.module.deregister();
            offer.accept()
        });
        up([&client, &provider]);
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
        assert_eq!(client.wait(), STATUS_SUCCESS);
        down([&provider]);
        clean(&nmr);
    }

    /// ISSUE: No detach callback is called before the attach callback has returned.
    no_detach_before_attach_returned {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        client.link_to(&provider);
        client.on_offer = Box::new(|offer| {
            let status = offer.accept();
            offer.module.linked().deregister();
            assert_eq!(offer.module.ends(), (0, 0));
            assert_eq!(offer.module.linked().ends(), (0, 0));
            status
        });
        up([&provider, &client]);
        assert_eq!(client.ends(), (1, 1));
        provider.wait();
        down([&client]);
        clean(&nmr);
    }

    /// ISSUE: A deregistration on another thread waits for an attach in flight and is not stranded by it.
    deregister_meets_an_attach_in_flight {
        let nmr = nmr();
        let (provider, mut client) = pair(&nmr);
        let inside = std::sync::Arc::new(Barrier::new(2));
        let meet = std::sync::Arc::clone(&inside);
        client.on_offer = Box::new(move |offer| {
            meet.wait();
            meet.wait();
            offer.accept()
        });
        up([&provider]);
        thread::scope(|scope| {
            scope.spawn(|| up([&client]));
            inside.wait();
            assert_eq!(provider.deregister(), STATUS_PENDING);
            inside.wait();
            assert_eq!(provider.wait(), STATUS_SUCCESS);
        });
        assert_eq!((client.ends(), provider.ends()), ((1, 1), (1, 1)));
        down([&client]);
        clean(&nmr);
    }

    /// INF: A peer that deregisters before its turn in a running registration is not offered.
    queued_peer_leaves {
        let nmr = nmr();
        let (first, mut client) = pair(&nmr);
        let second = Module::new(&nmr, Side::Provider, &NPI);
        client.link_to(&second);
        client.on_offer = Box::new(|offer| {
            assert_eq!(offer.module.linked().deregister(), STATUS_PENDING);
            offer.accept()
        });
        up([&first, &second, &client]);
        assert_eq!((client.offers(), second.offers()), (1, 0));
        assert_eq!(second.wait(), STATUS_SUCCESS);
        down([&client, &first]);
        clean(&nmr);
    }

    /// N10: Two providers may be offered to one client on two threads at the same time.
    parallel_offers {
        let nmr = nmr();
        let (first, mut client) = pair(&nmr);
        let second = Module::new(&nmr, Side::Provider, &NPI);
        let both_inside = Barrier::new(2);
        client.on_offer = Box::new(move |offer| {
            both_inside.wait();
            offer.accept()
        });
        up([&client]);
        thread::scope(|scope| {
            scope.spawn(|| up([&first]));
            scope.spawn(|| up([&second]));
        });
        assert_eq!(client.peers().len(), 2);
        down([&client, &first, &second]);
        clean(&nmr);
    }

    /// N10: An attach to one peer may overlap a detach from another.
    attach_overlaps_detach {
        let nmr = nmr();
        let (leaver, mut client) = pair(&nmr);
        let comer = Module::new(&nmr, Side::Provider, &NPI);
        let both_inside = std::sync::Arc::new(Barrier::new(2));
        let detaching = std::sync::Arc::clone(&both_inside);
        client.on_offer = Box::new(move |offer| {
            if offer.module.offers() == 2 {
                both_inside.wait();
            }
            offer.accept()
        });
        client.on_detach = Box::new(move |peer| {
            if peer.module().ends().0 == 1 {
                detaching.wait();
            }
            STATUS_SUCCESS
        });
        up([&leaver, &client]);
        thread::scope(|scope| {
            scope.spawn(|| up([&comer]));
            scope.spawn(|| down([&leaver]));
        });
        down([&client, &comer]);
        clean(&nmr);
    }

    /// INF: A registration that never stays: providers come and go on one thread while clients do on another.
    churn_ends {
        let attached = AtomicU32::new(0);
        for seed in 0..8 {
            let nmr = seeded(seed);
            thread::scope(|scope| {
                for side in [Side::Client, Side::Provider, Side::Client, Side::Provider] {
                    let (nmr, attached) = (&nmr, &attached);
                    scope.spawn(move || {
                        let module = Module::new(nmr, side, &NPI);
                        for _ in 0..50 {
                            up([&module]);
                            thread::yield_now();
                            down([&module]);
                        }
                        let bindings = u32::try_from(module.peers().len()).unwrap();
                        assert_eq!(module.ends(), (bindings, bindings));
                        attached.fetch_add(bindings, Ordering::Relaxed);
                    });
                }
            });
            assert_eq!(nmr.live_registrations(), []);
            clean(&nmr);
        }
        assert_ne!(attached.into_inner(), 0);
    }
}
