// SPDX-License-Identifier: MIT OR Apache-2.0

//! Registration and its end, in every order, with requests in flight.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use std::{env, mem, process as own, ptr};

use nmr::NtStatus;
use nmr::abi::STATUS_PENDING;
use nmr::irql::PassiveLevel;
use nmr::{Deregistration, Driver, Ended, Module, Registration, Slot, set_unload};
use registrar::host::{Call, Phase, Side};
use registrar::process;

use crate::Nmr;
use crate::modules::{Seen, TestClient, TestProvider, passive};

/// The two steps of an unload.
fn end<M: Module>(registration: Registration<M>) {
    match registration.deregister() {
        Deregistration::Pending(pending) => drop(pending.wait(&passive())),
        Deregistration::Complete(ended) => drop(ended),
        Deregistration::Failed(failed) => panic!("{}", failed.status()),
    }
}

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
        .host()
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
    end(client);
    end(provider);
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
    end(client);
    let counted = provider.module().counters.snapshot();
    end(provider);
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
    let mut pended = 0;
    for _ in 0..50 {
        let before = seen.attached.load(Ordering::Relaxed);
        let provider = TestProvider::register();
        until(|| seen.attached.load(Ordering::Relaxed) > before && busy(&seen));
        end(provider);
        pended += pended_detaches(Side::Client);
    }
    end(client);
    nmr.finish();
    assert!(pended > 0);
    assert_eq!(seen.attached.load(Ordering::Relaxed), 50);
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
                end(provider);
            });
            scope.spawn(|| {
                let client = TestClient::register(&seen);
                until(|| seen.attached.load(Ordering::Relaxed) == 1);
                together.wait();
                end(client);
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
            scope.spawn(|| (0..50).for_each(|_| end(TestProvider::register())));
            scope.spawn(|| (0..50).for_each(|_| end(TestClient::register(&seen))));
        }
    });
    nmr.finish();
    assert_eq!(seen.wrong.load(Ordering::Relaxed), 0);
}

#[test]
fn a_dropped_registration_ends_and_waits() {
    let nmr = Nmr::alone(6);
    let seen = Arc::new(Seen::default());
    let provider = TestProvider::register();
    let client = TestClient::register(&seen);
    until(|| busy(&seen));
    drop(provider);
    drop(client);
    nmr.finish();
}

/// A driver that ends the registration it was given, and has hidden another.
enum Forgetful {}

static FORGETFUL: Slot<Registration<TestProvider>> = Slot::new();

impl Forgetful {
    /// The status with which the process, for want of a machine, stops.
    const STOPPED: i32 = 3;
}

impl Driver for Forgetful {
    type Registrations = Registration<TestProvider>;

    const SLOT: &'static Slot<Registration<TestProvider>> = &FORGETFUL;

    fn unload(
        registration: Registration<TestProvider>,
        passive: &PassiveLevel<'_>,
    ) -> Ended<TestProvider> {
        mem::forget(TestProvider::register());
        match registration.deregister() {
            Deregistration::Pending(pending) => pending
                .wait(passive)
                .unwrap_or_else(|failed| Self::stop(failed.status())),
            Deregistration::Complete(ended) => ended,
            Deregistration::Failed(failed) => Self::stop(failed.status()),
        }
    }

    fn stop(reason: NtStatus) -> ! {
        eprintln!("stopped: {reason}");
        own::exit(Self::STOPPED)
    }
}

/// The test runs itself once more: what it shows ends a process.
#[test]
fn an_unload_that_would_leave_a_registration_stops_the_machine() {
    const NAME: &str = "unload::an_unload_that_would_leave_a_registration_stops_the_machine";
    const INNER: &str = "UNLOAD_FORGETFUL";
    if env::var_os(INNER).is_some() {
        let mut routine = None;
        // SAFETY: called once in this process, on a routine that is called below.
        let unloadable = unsafe { set_unload::<Forgetful, ()>(&mut routine) };
        unloadable.keep(TestProvider::register());
        let unload = routine.expect("it was set");
        // SAFETY: called once, when the driver has started.
        unsafe { unload(ptr::null_mut()) };
        own::exit(0);
    }
    let inner = Command::new(env::current_exe().expect("the test has a file"))
        .args([NAME, "--exact", "--nocapture"])
        .env(INNER, "1")
        .output()
        .expect("the test starts again");
    let said = String::from_utf8_lossy(&inner.stderr);
    assert_eq!(inner.status.code(), Some(Forgetful::STOPPED), "{said}");
    assert!(said.contains("stopped: "), "{said}");
}
