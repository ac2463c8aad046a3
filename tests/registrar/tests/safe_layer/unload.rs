// SPDX-License-Identifier: MIT OR Apache-2.0

//! Registration and its end, in every order, with requests in flight.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use nmr::abi::STATUS_PENDING;
use registrar::host::{Call, Phase, Side};
use registrar::process;

use crate::Nmr;
use crate::modules::{Seen, TestClient, TestProvider};
use crate::registering::end;

/// Waits until `condition` holds; the limit only keeps a failure from hanging.
fn until(condition: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < limit, "nothing happens any more");
        std::thread::yield_now();
    }
}

fn busy(seen: &Seen) -> bool {
    seen.echoed.load(Ordering::Relaxed) > 20
}

fn pended_detaches(side: Side) -> usize {
    let pended = |event: &registrar::host::Event| {
        event.side == side
            && event.call == Call::DetachCallback
            && event.phase == Phase::Leave(STATUS_PENDING)
    };
    process::registrar()
        .take_events()
        .iter()
        .filter(|event| pended(event))
        .count()
}

#[test]
fn a_client_that_comes_first_is_bound_by_the_provider() {
    let nmr = Nmr::alone(1);
    let seen = Arc::new(Seen::default());
    let client = TestClient::register(&seen);
    let provider = TestProvider::register();
    until(|| busy(&seen));
    drop(end(client));
    drop(end(provider));
    nmr.finish();
}

#[test]
fn requests_are_echoed_cancelled_counted_and_notified() {
    let nmr = Nmr::alone(2);
    let seen = Arc::new(Seen::default());
    let provider = TestProvider::register();
    let client = TestClient::register(&seen);
    until(|| {
        busy(&seen)
            && seen.notified.load(Ordering::Relaxed) > 0
            && seen.cancelled.load(Ordering::Relaxed) > 0
    });
    drop(end(client));
    let counted = provider.module().counters.snapshot();
    drop(end(provider));
    nmr.finish();

    assert_eq!(seen.wrong.load(Ordering::Relaxed), 0);
    assert!(seen.queried.load(Ordering::Relaxed) > 0);
    assert_eq!(
        seen.echoed.load(Ordering::Relaxed),
        counted.completed_at_once + counted.completed_later
    );
    assert!(counted.cancelled > 0);
    assert_eq!(seen.cancelled.load(Ordering::Relaxed), counted.cancelled);
    assert_eq!(counted.pended, counted.completed_later + counted.cancelled);
}

#[test]
fn a_provider_that_leaves_meets_requests_in_flight() {
    let nmr = Nmr::alone(3);
    let seen = Arc::new(Seen::default());
    let client = TestClient::register(&seen);
    let (mut rounds, mut pended) = (0, 0);
    // Whether a request is in flight just then is up to the threads: 50 rounds nearly always
    // have one.
    while rounds < 50 || pended == 0 {
        let before = seen.attached.load(Ordering::Relaxed);
        let provider = TestProvider::register();
        until(|| seen.attached.load(Ordering::Relaxed) > before && busy(&seen));
        drop(end(provider));
        pended += pended_detaches(Side::Client);
        rounds += 1;
        assert!(rounds < 5000, "no detach has met a request in flight");
    }
    drop(end(client));
    nmr.finish();
    assert_eq!(seen.attached.load(Ordering::Relaxed), rounds);
}

#[test]
fn both_may_leave_at_once() {
    for seed in 0..100 {
        let nmr = Nmr::alone(seed);
        let seen = Arc::new(Seen::default());
        let together = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let provider = TestProvider::register();
                together.wait();
                drop(end(provider));
            });
            scope.spawn(|| {
                let client = TestClient::register(&seen);
                until(|| seen.attached.load(Ordering::Relaxed) == 1);
                together.wait();
                drop(end(client));
            });
        });
        nmr.finish();
    }
}

#[test]
fn modules_may_come_while_others_go() {
    let nmr = Nmr::alone(5);
    let seen = Arc::new(Seen::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..50).for_each(|_| drop(end(TestProvider::register()))));
            scope.spawn(|| (0..50).for_each(|_| drop(end(TestClient::register(&seen)))));
        }
    });
    nmr.finish();
    assert_eq!(seen.wrong.load(Ordering::Relaxed), 0);
}
