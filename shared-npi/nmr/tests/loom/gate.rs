// SPDX-License-Identifier: MIT OR Apache-2.0

//! The gate: close against enter, and who is last.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use nmr::gate::{Gate, Leave};

/// A gate, and the memory that goes when the last one has left.
struct Guarded {
    gate: Gate,
    memory: UnsafeCell<bool>,
    closing: AtomicBool,
    last: AtomicUsize,
}

// SAFETY: whether the memory is used properly is what the model checks.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

impl Guarded {
    fn open() -> Arc<Self> {
        let guarded = Arc::new(Self {
            gate: Gate::new(),
            memory: UnsafeCell::new(true),
            closing: AtomicBool::new(false),
            last: AtomicUsize::new(0),
        });
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

fn call(guarded: &Guarded) {
    if guarded.gate.enter() {
        guarded.use_memory();
        guarded.leave();
    }
}

#[test]
fn the_memory_goes_once_and_after_every_call() {
    loom::model(|| {
        let guarded = Guarded::open();
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
    });
}

#[test]
fn a_call_split_in_two_is_two() {
    loom::model(|| {
        let guarded = Guarded::open();
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
    });
}

#[test]
fn nobody_enters_after_the_close() {
    loom::model(|| {
        let guarded = Guarded::open();
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
    });
}

#[test]
fn a_detach_during_the_attach_waits_for_it() {
    loom::model(|| {
        let guarded = Arc::new(Guarded {
            gate: Gate::new(),
            memory: UnsafeCell::new(true),
            closing: AtomicBool::new(false),
            last: AtomicUsize::new(0),
        });
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
    });
}

#[test]
fn a_detach_callback_has_the_memory_until_it_has_left() {
    loom::model(|| {
        let guarded = Guarded::open();
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
    });
}

#[test]
fn a_reference_that_is_given_up_late_completes_the_detach() {
    loom::model(|| {
        let guarded = Guarded::open();
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
    });
}
