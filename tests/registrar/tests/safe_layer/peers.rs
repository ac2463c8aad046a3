// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a module accepts of its peers, and what it keeps of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use nmr::NtStatus;
use nmr::abi::{NTSTATUS, STATUS_PENDING, STATUS_SUCCESS};
use registrar::host::{Call, Event, Phase, Side};
use registrar::process;

use crate::Nmr;
use crate::registering::{begin, end, finish, register};
use crate::small::{
    ClientOf, ProviderOf, RawClient, RawProvider, SmallClient, SmallProvider, counting,
};

/// What the detach callbacks of `side` have returned since the events were taken last,
/// and how often it has completed a detach.
fn detaches(side: Side) -> (Vec<NTSTATUS>, usize) {
    let events = process::registrar().take_events();
    let of_side = |event: &&Event| event.side == side;
    let returned = |event: &Event| match (event.call, event.phase) {
        (Call::DetachCallback, Phase::Leave(status)) => Some(status),
        _ => None,
    };
    let completes =
        |event: &&Event| event.call == Call::DetachComplete && event.phase == Phase::Enter;
    (
        events.iter().filter(of_side).filter_map(returned).collect(),
        events.iter().filter(of_side).filter(completes).count(),
    )
}

#[test]
fn a_module_that_takes_one_peer_takes_another_when_that_is_gone() {
    type One = ProviderOf<false, true>;
    let nmr = Nmr::alone(0);
    let provider = register(One::new());
    for _ in 0..2 {
        let first = RawClient::register::<false>(false);
        assert_eq!(first.attached(), NtStatus::SUCCESS);
        let second = RawClient::register::<false>(false);
        assert_eq!(second.attached(), NtStatus::NOINTERFACE);
        drop((first, second));
    }
    drop(end(provider));
    nmr.finish();
}

#[test]
fn a_peer_that_was_refused_does_not_count_as_the_one() {
    type One = ProviderOf<false, true>;
    let nmr = Nmr::alone(0);
    let offers = Arc::new(AtomicUsize::new(0));
    let mut one = One::new();
    one.attach = Box::new(move || {
        if offers.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(NtStatus::INSUFFICIENT_RESOURCES);
        }
        Ok(())
    });
    let provider = register(one);
    let statuses = [(); 3].map(|()| RawClient::register::<false>(false));
    let statuses = statuses.map(|client| client.attached());
    let expected = [
        NtStatus::INSUFFICIENT_RESOURCES,
        NtStatus::SUCCESS,
        NtStatus::NOINTERFACE,
    ];
    assert_eq!(statuses, expected);
    drop(end(provider));
    nmr.finish();
}

#[test]
fn a_null_context_is_refused_where_the_npi_has_none() {
    let nmr = Nmr::alone(0);
    let provider = register(SmallProvider::new());
    let null = RawClient::register::<false>(true);
    let other = RawClient::register::<false>(false);
    assert_eq!(null.attached(), NtStatus::NOINTERFACE);
    assert_eq!(other.attached(), NtStatus::SUCCESS);
    drop((null, other));
    drop(end(provider));

    // A client cannot fail an attach that its provider has accepted, and calls nothing.
    let provider = RawProvider::register::<false>(true);
    let rejected = Arc::default();
    let mut client = SmallClient::new();
    client.rejected = Box::new(counting(&rejected));
    client.attached = Box::new(|_| panic!("its provider is not accepted"));
    let client = register(client);
    assert_eq!(rejected.load(Ordering::Relaxed), 1);
    assert_eq!(SmallClient::poke_all(&client.module().bindings), 0);
    drop(end(client));
    drop(provider);
    nmr.finish();
}

#[test]
fn a_null_context_is_passed_on_where_the_npi_has_it() {
    let nmr = Nmr::alone(0);
    let provider = register(ProviderOf::<true, false>::new());
    let null = RawClient::register::<true>(true);
    assert_eq!(null.attached(), NtStatus::SUCCESS);
    null.poke();
    drop(null);
    drop(end(provider));

    let provider = RawProvider::register::<true>(true);
    let client = register(ClientOf::<true, false>::new());
    assert_eq!(ClientOf::poke_all(&client.module().bindings), 1);
    drop(end(client));
    drop(provider);
    nmr.finish();
}

/// A client that keeps a hold in the context of the binding it belongs to.
fn keeper() -> SmallClient {
    let mut client = SmallClient::new();
    client.attached = Box::new(|call| {
        let hold = call.hold();
        *call.binding().context().kept.lock().expect("no panic") = Some(hold);
        call.add_to_list();
    });
    client
}

#[test]
fn a_module_gives_up_the_hold_it_keeps_in_the_detach_callback() {
    let nmr = Nmr::alone(0);
    let provider = RawProvider::register::<false>(false);
    let mut client = keeper();
    client.detaching = Box::new(|binding| {
        assert!(binding.enter().is_none());
        let kept = binding.context().kept.lock().expect("no panic").take();
        assert!(kept.is_some());
    });
    let client = register(client);
    assert_eq!(SmallClient::poke_all(&client.module().bindings), 1);
    assert_eq!(provider.poked(), 1);
    detaches(Side::Client);
    drop(end(client));
    assert_eq!(detaches(Side::Client), (vec![STATUS_SUCCESS], 0));
    drop(provider);
    nmr.finish();
}

#[test]
fn a_module_gives_up_the_hold_it_keeps_after_the_detach_callback() {
    for seed in 0..20 {
        let nmr = Nmr::alone(seed);
        let provider = RawProvider::register::<false>(false);
        let given_up = Arc::new(Mutex::new(None));
        let mut client = keeper();
        client.detaching = Box::new({
            let given_up = Arc::clone(&given_up);
            move |binding| {
                let kept = binding.context().kept.lock().expect("no panic").take();
                *given_up.lock().expect("no panic") = kept;
            }
        });
        let client = register(client);
        let bindings = Arc::clone(&client.module().bindings);
        detaches(Side::Client);
        let (deregistration, wait) = begin(client);
        assert_eq!(SmallClient::poke_all(&bindings), 0);
        let worker = thread::spawn(move || drop(given_up.lock().expect("no panic").take()));
        drop(finish(deregistration, &wait));
        worker.join().expect("no panic");
        assert_eq!(detaches(Side::Client), (vec![STATUS_PENDING], 1));
        // The list outlives the module, and is empty.
        assert_eq!(SmallClient::poke_all(&bindings), 0);
        drop(provider);
        nmr.finish();
    }
}

#[test]
fn holds_may_be_dropped_anywhere_in_any_order() {
    for seed in 0..20 {
        let nmr = Nmr::alone(seed);
        let provider = RawProvider::register::<false>(false);
        let holds = Arc::new(Mutex::new(Vec::new()));
        let mut client = SmallClient::new();
        client.attached = Box::new({
            let holds = Arc::clone(&holds);
            move |call| {
                let hold = call.hold();
                let mut holds = holds.lock().expect("no panic");
                holds.extend((0..7).map(|_| hold.add_ref()));
            }
        });
        let client = register(client);
        detaches(Side::Client);
        let (deregistration, wait) = begin(client);
        let given_up = std::mem::take(&mut *holds.lock().expect("no panic"));
        let workers: Vec<_> = given_up
            .into_iter()
            .map(|hold| thread::spawn(move || assert!(hold.binding().enter().is_none())))
            .collect();
        drop(finish(deregistration, &wait));
        for worker in workers {
            worker.join().expect("no panic");
        }
        assert_eq!(detaches(Side::Client), (vec![STATUS_PENDING], 1));
        drop(provider);
        nmr.finish();
    }
}

#[test]
fn a_walk_may_begin_in_a_walk() {
    let nmr = Nmr::alone(0);
    let providers = [(); 2].map(|()| RawProvider::register::<false>(false));
    let client = register(SmallClient::new());
    let bindings = &client.module().bindings;
    let mut calls = 0;
    bindings.for_each(|_call| calls += SmallClient::poke_all(bindings));
    assert_eq!(calls, 4);
    assert_eq!(providers.each_ref().map(RawProvider::poked), [2, 2]);
    drop(end(client));
    drop(providers);
    nmr.finish();
}

/// A provider that calls first keeps what it has accepted, and gives it up in the detach
/// callback or later.
#[test]
fn an_accepted_client_that_is_kept_keeps_the_binding_attached() {
    for (seed, late) in [(0, false), (1, true), (2, false), (3, true)] {
        let nmr = Nmr::alone(seed);
        let kept = Arc::new(Mutex::new(None));
        let mut provider = SmallProvider::new();
        provider.accepted = Box::new({
            let kept = Arc::clone(&kept);
            move |client| *kept.lock().expect("no panic") = Some(client)
        });
        provider.detaching = Box::new({
            let kept = Arc::clone(&kept);
            move |binding| {
                assert!(binding.enter().is_none());
                if !late {
                    drop(kept.lock().expect("no panic").take());
                }
            }
        });
        let provider = register(provider);
        let client = RawClient::register::<false>(false);
        assert_eq!(client.attached(), NtStatus::SUCCESS);
        detaches(Side::Provider);
        let (deregistration, wait) = begin(provider);
        let worker = thread::spawn(move || drop(kept.lock().expect("no panic").take()));
        drop(finish(deregistration, &wait));
        worker.join().expect("no panic");
        let expected = if late {
            (vec![STATUS_PENDING], 1)
        } else {
            (vec![STATUS_SUCCESS], 0)
        };
        assert_eq!(detaches(Side::Provider), expected);
        drop(client);
        nmr.finish();
    }
}
