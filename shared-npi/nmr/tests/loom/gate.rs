// SPDX-License-Identifier: MIT OR Apache-2.0

//! The gate: close against enter, and who is last, with either choice of words.
//!
//! Where the words are per processor, of which there are two, the threads move between
//! them in the middle of what they do.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use nmr::gate::{Choice, Gate, GateWords, Leave, run_on};

/// Declares a test of each model for both choices.
macro_rules! both {
    ($($name:ident)*) => {
        mod one {
            $(#[test] fn $name() { loom::model(super::$name::<super::One>); })*
        }
        mod per_processor {
            $(#[test] fn $name() { loom::model(super::$name::<super::PerProcessor>); })*
        }
    };
}

both! {
    the_memory_goes_once_and_after_every_call
    a_call_split_in_two_is_two
    a_call_that_moves_is_one
    two_that_leave_where_neither_entered
    nobody_enters_after_the_close
    a_call_while_the_gate_opens_is_refused_or_counted
    what_was_written_before_the_gate_opened_is_there
    a_detach_during_the_attach_waits_for_it
    a_detach_callback_has_the_memory_until_it_has_left
    a_reference_that_is_given_up_late_completes_the_detach
    a_pended_call_is_completed_elsewhere
}

enum One {}

impl Choice for One {
    const WORDS: GateWords = GateWords::One;
}

enum PerProcessor {}

impl Choice for PerProcessor {
    const WORDS: GateWords = GateWords::PerProcessor;
}

/// Moves the calling thread to a processor, of which a gate of one word knows nothing.
fn move_to<C: Choice>(processor: usize) {
    if C::WORDS == GateWords::PerProcessor {
        run_on(processor);
    }
}

/// A gate, and the memory that goes when the last one has left.
struct Guarded<C: Choice> {
    gate: Gate<C>,
    memory: UnsafeCell<bool>,
    closing: AtomicBool,
    last: AtomicUsize,
}

// SAFETY: whether the memory is used properly is what the model checks.
unsafe impl<C: Choice> Sync for Guarded<C> {}
// SAFETY: as above.
unsafe impl<C: Choice> Send for Guarded<C> {}

impl<C: Choice + 'static> Guarded<C> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::new().expect("there is memory"),
            memory: UnsafeCell::new(true),
            closing: AtomicBool::new(false),
            last: AtomicUsize::new(0),
        })
    }

    fn open() -> Arc<Self> {
        let guarded = Self::new();
        guarded.gate.open();
        guarded.leave();
        guarded
    }

    fn use_memory(&self) {
        // SAFETY: the model fails if this races with the end of the memory.
        assert!(self.memory.with(|memory| unsafe { *memory }));
    }

    fn leave(&self) {
        // SAFETY: the callers have entered, and the gate is in an `Arc`.
        self.note(unsafe { Gate::leave(&raw const self.gate) });
    }

    fn close(&self) {
        // SAFETY: the gate is in an `Arc`.
        let answer = unsafe { Gate::close(&raw const self.gate) };
        self.closing.store(true, Ordering::Relaxed);
        self.note(answer);
    }

    /// Closes the gate as a detach callback does: with a reference of its own, so that
    /// the memory is there for what it lets know.
    fn detach(&self, hook: impl FnOnce()) -> Leave {
        self.gate.add_ref();
        // SAFETY: the gate is in an `Arc`.
        let closed = unsafe { Gate::close(&raw const self.gate) };
        assert_eq!(closed, Leave::NotLast);
        self.use_memory();
        hook();
        // SAFETY: the reference from above is left.
        let left = unsafe { Gate::leave(&raw const self.gate) };
        self.note(left);
        left
    }

    fn note(&self, answer: Leave) {
        if answer == Leave::LastOut {
            self.last.fetch_add(1, Ordering::Relaxed);
            // SAFETY: the model fails if this races with a use.
            self.memory.with_mut(|memory| unsafe { *memory = false });
        }
    }
}

fn call<C: Choice + 'static>(guarded: &Guarded<C>) {
    if guarded.gate.enter() {
        guarded.use_memory();
        guarded.leave();
    }
}

fn the_memory_goes_once_and_after_every_call<C: Choice + 'static>() {
    let guarded = Guarded::<C>::open();
    let callers: Vec<_> = (0..2)
        .map(|_| {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || call(&guarded))
        })
        .collect();
    guarded.close();
    for caller in callers {
        caller.join().expect("no panic");
    }
    assert_eq!(guarded.last.load(Ordering::Relaxed), 1);
}

fn a_call_split_in_two_is_two<C: Choice + 'static>() {
    let guarded = Guarded::<C>::open();
    assert!(guarded.gate.enter());
    guarded.gate.add_ref();
    let completion = {
        let guarded = Arc::clone(&guarded);
        thread::spawn(move || {
            guarded.use_memory();
            guarded.leave();
        })
    };
    let closer = {
        let guarded = Arc::clone(&guarded);
        thread::spawn(move || guarded.close())
    };
    guarded.use_memory();
    guarded.leave();
    completion.join().expect("no panic");
    closer.join().expect("no panic");
    assert_eq!(guarded.last.load(Ordering::Relaxed), 1);
}

/// The caller enters on one processor and leaves on the other; the gate's closing may
/// have come to either, both or none.
fn a_call_that_moves_is_one<C: Choice + 'static>() {
    let guarded = Guarded::<C>::open();
    let callers: Vec<_> = (0..2)
        .map(|processor| {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || {
                move_to::<C>(processor);
                if guarded.gate.enter() {
                    guarded.use_memory();
                    move_to::<C>(1 - processor);
                    guarded.leave();
                }
            })
        })
        .collect();
    guarded.close();
    for caller in callers {
        caller.join().expect("no panic");
    }
    assert_eq!(guarded.last.load(Ordering::Relaxed), 1);
}

/// Both calls are in flight before the close, and each slot is below or above its own.
fn two_that_leave_where_neither_entered<C: Choice + 'static>() {
    let guarded = Guarded::<C>::open();
    assert!(guarded.gate.enter());
    assert!(guarded.gate.enter());
    let leavers: Vec<_> = (0..2)
        .map(|_| {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || {
                move_to::<C>(1);
                guarded.use_memory();
                guarded.leave();
            })
        })
        .collect();
    guarded.close();
    for leaver in leavers {
        leaver.join().expect("no panic");
    }
    assert_eq!(guarded.last.load(Ordering::Relaxed), 1);
}

/// A request that its peer completes later, on another thread and processor, by a
/// reference that was added while the call was in flight.
fn a_pended_call_is_completed_elsewhere<C: Choice + 'static>() {
    let guarded = Guarded::<C>::open();
    let caller = {
        let guarded = Arc::clone(&guarded);
        thread::spawn(move || {
            if !guarded.gate.enter() {
                return None;
            }
            move_to::<C>(1);
            guarded.gate.add_ref();
            let completion = {
                let guarded = Arc::clone(&guarded);
                thread::spawn(move || {
                    guarded.use_memory();
                    guarded.leave();
                })
            };
            guarded.use_memory();
            guarded.leave();
            Some(completion)
        })
    };
    guarded.close();
    if let Some(completion) = caller.join().expect("no panic") {
        completion.join().expect("no panic");
    }
    assert_eq!(guarded.last.load(Ordering::Relaxed), 1);
}

fn nobody_enters_after_the_close<C: Choice + 'static>() {
    let guarded = Guarded::<C>::open();
    let caller = {
        let guarded = Arc::clone(&guarded);
        thread::spawn(move || {
            let closed = guarded.closing.load(Ordering::Relaxed);
            let entered = guarded.gate.enter();
            assert!(!(closed && entered), "entered after the close");
            if entered {
                guarded.leave();
            }
        })
    };
    guarded.close();
    caller.join().expect("no panic");
}

fn a_call_while_the_gate_opens_is_refused_or_counted<C: Choice + 'static>() {
    let guarded = Guarded::<C>::new();
    let caller = {
        let guarded = Arc::clone(&guarded);
        thread::spawn(move || call(&guarded))
    };
    guarded.gate.open();
    guarded.leave();
    guarded.close();
    caller.join().expect("no panic");
    assert_eq!(guarded.last.load(Ordering::Relaxed), 1);
}

/// The peer, which an attach stores before it opens the gate.
fn what_was_written_before_the_gate_opened_is_there<C: Choice + 'static>() {
    let guarded = Guarded::<C>::new();
    let caller = {
        let guarded = Arc::clone(&guarded);
        thread::spawn(move || {
            if guarded.gate.enter() {
                guarded.use_memory();
                guarded.leave();
            }
        })
    };
    // SAFETY: the model fails if this races with a use.
    guarded.memory.with_mut(|memory| unsafe { *memory = true });
    guarded.gate.open();
    caller.join().expect("no panic");
}

fn a_detach_during_the_attach_waits_for_it<C: Choice + 'static>() {
    let guarded = Guarded::<C>::new();
    let detach = {
        let guarded = Arc::clone(&guarded);
        thread::spawn(move || guarded.close())
    };
    guarded.use_memory();
    guarded.gate.open();
    call(&guarded);
    guarded.leave();
    detach.join().expect("no panic");
    assert_eq!(guarded.last.load(Ordering::Relaxed), 1);
}

fn a_detach_callback_has_the_memory_until_it_has_left<C: Choice + 'static>() {
    let guarded = Guarded::<C>::open();
    let caller = {
        let guarded = Arc::clone(&guarded);
        thread::spawn(move || call(&guarded))
    };
    // A module that keeps a reference gives it up in the callback.
    assert!(guarded.gate.enter());
    let left = guarded.detach(|| guarded.leave());
    caller.join().expect("no panic");
    // Either the callback has found nobody, or the caller has completed.
    assert_eq!(guarded.last.load(Ordering::Relaxed), 1);
    if left == Leave::LastOut {
        assert!(!guarded.gate.enter());
    }
}

fn a_reference_that_is_given_up_late_completes_the_detach<C: Choice + 'static>() {
    let guarded = Guarded::<C>::open();
    assert!(guarded.gate.enter());
    let keeper = {
        let guarded = Arc::clone(&guarded);
        thread::spawn(move || {
            guarded.use_memory();
            guarded.leave();
        })
    };
    let left = guarded.detach(|| ());
    keeper.join().expect("no panic");
    assert_eq!(guarded.last.load(Ordering::Relaxed), 1);
    let _ = left;
}
