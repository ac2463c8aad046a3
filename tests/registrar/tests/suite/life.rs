// SPDX-License-Identifier: MIT OR Apache-2.0

//! The life of a binding from end to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::{ptr, thread};

use crate::support::allocator::growth;
use crate::support::{Module, NPI, OTHER_NPI, begun, down, nmr, pair, rules, seeded, up};
use nmr::abi::{STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS};
use registrar::host::{Call, Side};
use registrar::knobs::Knob;
use registrar::process::{EVENTS, FINDINGS};

#[test]
fn events_tell_the_npi_once_it_is_known() {
    let nmr = nmr();
    let client = Module::new(&nmr, Side::Client, &OTHER_NPI);
    assert_eq!(client.register(), STATUS_SUCCESS);
    let told = nmr.take_events().into_iter().map(|event| event.npi);
    assert!(told.eq([None, Some(OTHER_NPI)]));
}

#[test]
fn a_host_that_nobody_asks_does_not_grow() {
    let nmr = nmr();
    nmr.host().fix(Knob::CompleteBeforeDetach, Some(1));
    let (provider, mut client) = pair(&nmr);
    client.on_offer = Box::new(|offer| {
        offer
            .module
            .nmr
            .client_detach_provider_complete(offer.handle);
        offer.accept()
    });
    client.on_detach = Box::new(|_| STATUS_PENDING);
    let cycles = |count| {
        for _ in 0..count {
            up([&provider, &client]);
            down([&client, &provider]);
            client.forget_peers();
            provider.forget_peers();
        }
    };
    cycles(EVENTS / 16);
    assert_eq!(growth(|| cycles(500)), 0);
    assert_eq!(nmr.host().take_findings().len(), FINDINGS);
    assert_eq!(nmr.take_events().len(), EVENTS);
}

#[test]
fn a_pair_attaches_and_goes() {
    let nmr = nmr();
    let provider = Module::new(&nmr, Side::Provider, &NPI);
    let client = Module::new(&nmr, Side::Client, &NPI);
    let stranger = Module::new(&nmr, Side::Client, &OTHER_NPI);
    assert_eq!(provider.register(), STATUS_SUCCESS);
    assert_eq!(stranger.register(), STATUS_SUCCESS);
    nmr.take_events();
    assert_eq!(client.register(), STATUS_SUCCESS);
    assert_eq!(nmr.live_registrations().len(), 3);
    assert_eq!(client.deregister(), STATUS_PENDING);
    assert_eq!(client.wait(), STATUS_SUCCESS);
    assert_eq!(
        begun(&nmr.take_events()),
        [
            (Side::Client, Call::Register),
            (Side::Client, Call::AttachCallback),
            (Side::Client, Call::AttachProvider),
            (Side::Provider, Call::AttachCallback),
            (Side::Client, Call::Deregister),
            (Side::Client, Call::DetachCallback),
            (Side::Provider, Call::DetachCallback),
            (Side::Client, Call::CleanupCallback),
            (Side::Provider, Call::CleanupCallback),
            (Side::Client, Call::Wait),
        ]
    );
    assert_eq!(client.wait(), STATUS_INVALID_PARAMETER);
    assert_eq!(rules(&nmr), [23]);
    for module in [&provider, &stranger] {
        assert_eq!(module.deregister(), STATUS_PENDING);
        assert_eq!(module.wait(), STATUS_SUCCESS);
    }
    assert_eq!(nmr.live_registrations(), []);
    assert_eq!(rules(&nmr), [] as [u8; 0]);
}

#[test]
fn both_sides_pend_and_complete_from_other_threads() {
    for seed in 0..64 {
        let nmr = seeded(seed);
        let mut provider = Module::new(&nmr, Side::Provider, &NPI);
        let mut client = Module::new(&nmr, Side::Client, &NPI);
        for module in [&mut provider, &mut client] {
            module.on_detach = Box::new(|peer| {
                let nmr = peer.nmr.clone();
                let (side, handle) = (peer.side, peer.handle.expose_provenance());
                thread::spawn(move || {
                    let handle = std::ptr::with_exposed_provenance_mut(handle);
                    match side {
                        Side::Client => nmr.client_detach_provider_complete(handle),
                        Side::Provider => nmr.provider_detach_client_complete(handle),
                    }
                });
                STATUS_PENDING
            });
        }
        assert_eq!(provider.register(), STATUS_SUCCESS);
        assert_eq!(client.register(), STATUS_SUCCESS);
        thread::scope(|scope| {
            for module in [&provider, &client] {
                scope.spawn(move || {
                    assert_eq!(module.deregister(), STATUS_PENDING);
                    assert_eq!(module.wait(), STATUS_SUCCESS);
                });
            }
        });
        for module in [&provider, &client] {
            let peer = module.peer();
            assert_eq!(peer.detached.load(Ordering::Relaxed), 1);
            assert_eq!(peer.cleaned.load(Ordering::Relaxed), 1);
        }
        assert_eq!(rules(&nmr), [] as [u8; 0]);
        assert_eq!(nmr.live_registrations(), []);
    }
}

#[test]
fn the_ends_learn_of_each_other_by_pointer() {
    let nmr = nmr();
    let mut provider = Module::new(&nmr, Side::Provider, &NPI);
    let mut client = Module::new(&nmr, Side::Client, &NPI);
    let learned = Arc::new([const { AtomicPtr::new(ptr::null_mut()) }; 2]);
    let [by_client, by_provider] = [Arc::clone(&learned), Arc::clone(&learned)];
    client.on_offer = Box::new(move |offer| {
        by_client[0].store(offer.instance.cast_mut(), Ordering::Relaxed);
        offer.accept()
    });
    provider.on_asked = Box::new(move |asked| {
        by_provider[1].store(asked.instance.cast_mut(), Ordering::Relaxed);
        asked.accept()
    });
    let (client, provider) = (client, provider);
    client.register();
    provider.register();
    assert_eq!(
        learned[0].load(Ordering::Relaxed).cast_const(),
        &raw const provider.provider.ProviderRegistrationInstance
    );
    assert_eq!(
        learned[1].load(Ordering::Relaxed).cast_const(),
        &raw const client.client.ClientRegistrationInstance
    );
    let (ours, theirs) = (client.peer(), provider.peer());
    assert_eq!(
        ours.context.load(Ordering::Relaxed).cast_const().cast(),
        Arc::as_ptr(&theirs)
    );
    assert_eq!(
        theirs.context.load(Ordering::Relaxed).cast_const().cast(),
        Arc::as_ptr(&ours)
    );
    assert_ne!(ours.handle, theirs.handle);
    for module in [&client, &provider] {
        assert_eq!(module.deregister(), STATUS_PENDING);
        assert_eq!(module.wait(), STATUS_SUCCESS);
    }
    assert_eq!(rules(&nmr), [] as [u8; 0]);
}

#[test]
fn a_completion_may_come_inside_the_detach_callback() {
    for prompt in [0, 1] {
        let nmr = nmr();
        nmr.host().fix(Knob::EarlyComplete, Some(prompt));
        let mut provider = Module::new(&nmr, Side::Provider, &NPI);
        let mut client = Module::new(&nmr, Side::Client, &NPI);
        for module in [&mut provider, &mut client] {
            module.on_detach = Box::new(|peer| {
                peer.complete();
                STATUS_PENDING
            });
        }
        let (client, provider) = (client, provider);
        client.register();
        provider.register();
        assert_eq!(provider.deregister(), STATUS_PENDING);
        assert_eq!(provider.wait(), STATUS_SUCCESS);
        assert_eq!(client.deregister(), STATUS_PENDING);
        assert_eq!(client.wait(), STATUS_SUCCESS);
        assert_eq!(client.peer().cleaned.load(Ordering::Relaxed), 1);
        assert_eq!(provider.peer().cleaned.load(Ordering::Relaxed), 1);
        assert_eq!(rules(&nmr), [] as [u8; 0]);
    }
}
