// SPDX-License-Identifier: MIT OR Apache-2.0

//! A gate in one thread, with either choice of words.

use super::{Choice, Gate, GateWords, Leave};

enum One {}

impl Choice for One {
    const WORDS: GateWords = GateWords::One;
}

enum PerProcessor {}

impl Choice for PerProcessor {
    const WORDS: GateWords = GateWords::PerProcessor;
}

fn new<C: Choice>() -> Gate<C> {
    Gate::new().expect("there is memory")
}

fn leave<C: Choice>(gate: &Gate<C>) -> Leave {
    // SAFETY: the gate outlives the call, and every test enters first.
    unsafe { Gate::leave(gate) }
}

fn close<C: Choice>(gate: &Gate<C>) -> Leave {
    // SAFETY: the gate outlives the call, which is the only one.
    unsafe { Gate::close(gate) }
}

fn open<C: Choice>() -> Gate<C> {
    let gate = new();
    gate.open();
    assert_eq!(leave(&gate), Leave::NotLast);
    gate
}

/// Tests for both choices.
macro_rules! both {
    ($($name:ident)*) => {
        mod one {
            $(#[test] fn $name() { super::$name::<super::One>(); })*
        }
        mod per_processor {
            $(#[test] fn $name() { super::$name::<super::PerProcessor>(); })*
        }
    };
}

both! {
    nobody_enters_before_it_opens
    nobody_enters_after_it_closed
    the_last_of_those_in_flight_is_told_so
    a_detach_during_the_attach_waits_for_it
    a_gate_that_never_opened_closes
    what_a_closed_gate_refused_leaves_no_trace
    threads_that_call_while_it_closes_are_counted
}

fn nobody_enters_before_it_opens<C: Choice>() {
    let gate = new::<C>();
    assert!(!gate.enter());
    gate.open();
    assert!(gate.enter());
}

fn nobody_enters_after_it_closed<C: Choice>() {
    let gate = open::<C>();
    assert_eq!(close(&gate), Leave::LastOut);
    assert!(!gate.enter());
    gate.open();
    assert!(!gate.enter());
}

fn the_last_of_those_in_flight_is_told_so<C: Choice>() {
    let gate = open::<C>();
    assert!(gate.enter());
    gate.add_ref();
    assert_eq!(close(&gate), Leave::NotLast);
    assert_eq!(leave(&gate), Leave::NotLast);
    assert_eq!(leave(&gate), Leave::LastOut);
}

fn a_detach_during_the_attach_waits_for_it<C: Choice>() {
    let gate = new::<C>();
    assert_eq!(close(&gate), Leave::NotLast);
    gate.open();
    assert_eq!(leave(&gate), Leave::LastOut);
}

fn a_gate_that_never_opened_closes<C: Choice>() {
    let gate = new::<C>();
    assert_eq!(leave(&gate), Leave::NotLast);
    assert_eq!(close(&gate), Leave::LastOut);
}

fn what_a_closed_gate_refused_leaves_no_trace<C: Choice>() {
    let gate = new::<C>();
    assert!(!gate.enter());
    gate.open();
    assert!(gate.enter());
    assert_eq!(close(&gate), Leave::NotLast);
    assert!(!gate.enter());
    gate.add_ref();
    for _ in 0..2 {
        assert_eq!(leave(&gate), Leave::NotLast);
    }
    assert_eq!(leave(&gate), Leave::LastOut);
}

/// Real threads, which the host moves between processors as it likes.
fn threads_that_call_while_it_closes_are_counted<C: Choice>() {
    use core::sync::atomic::{AtomicUsize, Ordering};
    extern crate std;

    for _ in 0..100 {
        let gate = open::<C>();
        let (inside, last) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let note = |answer| {
            if answer == Leave::LastOut {
                assert_eq!(inside.load(Ordering::Relaxed), 0);
                last.fetch_add(1, Ordering::Relaxed);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while gate.enter() {
                        inside.fetch_add(1, Ordering::Relaxed);
                        inside.fetch_sub(1, Ordering::Relaxed);
                        note(leave(&gate));
                    }
                });
            }
            note(close(&gate));
        });
        assert_eq!(last.load(Ordering::Relaxed), 1);
    }
}
