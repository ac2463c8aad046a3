// SPDX-License-Identifier: MIT OR Apache-2.0

//! A guarded call in different shapes. Each returns what runs it that often.

use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use nmr::gate::{Choice, Gate, GateWords, Leave};

/// What runs a case that often.
pub(crate) type Run = Box<dyn Fn(u32) + Sync>;

/// A peer: a function and its context.
struct Peer {
    function: unsafe extern "system" fn(*mut c_void) -> usize,
    context: usize,
}

unsafe extern "system" fn answer(context: *mut c_void) -> usize {
    context.addr()
}

impl Peer {
    const NEW: Self = Self {
        function: answer,
        context: 42,
    };

    fn call(&self) {
        let context = ptr::without_provenance_mut(self.context);
        // SAFETY: the function takes any value.
        black_box(unsafe { (self.function)(context) });
    }
}

/// Repeats `body` on what is `shared` by the threads.
fn repeat<T: Send + Sync + 'static>(shared: T, body: impl Fn(&T) + Send + Sync + 'static) -> Run {
    Box::new(move |times| {
        for _ in 0..times {
            body(black_box(&shared));
        }
    })
}

/// Nothing guards it.
pub(crate) fn bare() -> Run {
    repeat(Peer::NEW, Peer::call)
}

/// `ExAcquireRundownProtection` and `ExReleaseRundownProtection` as far as nothing
/// runs down: a compare-and-exchange each way, on a word whose low bit says that it
/// does.
#[derive(Default)]
struct Rundown(AtomicUsize);

impl Rundown {
    const ACTIVE: usize = 1;
    const ONE: usize = 2;

    #[inline]
    fn change(&self, by: usize, order: Ordering) -> bool {
        let mut count = self.0.load(Ordering::Relaxed);
        loop {
            if count & Self::ACTIVE != 0 {
                return false;
            }
            match self.0.compare_exchange_weak(
                count,
                count.wrapping_add(by),
                order,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
    }

    #[inline]
    fn release(&self) {
        let released = self.change(Self::ONE.wrapping_neg(), Ordering::Release);
        assert!(released, "nothing runs down here");
    }

    #[inline]
    fn guard(&self, body: impl FnOnce()) {
        if self.change(Self::ONE, Ordering::Acquire) {
            body();
            self.release();
        }
    }
}

pub(crate) fn rundown() -> Run {
    repeat((Rundown::default(), Peer::NEW), |(rundown, peer)| {
        rundown.guard(|| peer.call());
    })
}

/// A run-down reference for each processor, as `EX_RUNDOWN_REF_CACHE_AWARE` has it.
#[repr(C, align(128))]
#[derive(Default)]
struct Line(Rundown);

unsafe extern "C" {
    safe fn sched_getcpu() -> c_int;
}

/// The host's number of the processor, twice: what enter and leave ask for.
pub(crate) fn processor() -> Run {
    repeat((), |()| {
        black_box(sched_getcpu());
        black_box(sched_getcpu());
    })
}

pub(crate) fn cache_aware() -> Run {
    fn here(lines: &[Line; 16]) -> &Rundown {
        &lines[sched_getcpu().cast_unsigned() as usize % lines.len()].0
    }
    let lines: [Line; 16] = Default::default();
    repeat((lines, Peer::NEW), |(lines, peer)| {
        if here(lines).change(Rundown::ONE, Ordering::Acquire) {
            peer.call();
            here(lines).release();
        }
    })
}

/// A reference to the peer for each call.
pub(crate) fn arc() -> Run {
    repeat(Arc::new(Peer::NEW), |peer| Arc::clone(peer).call())
}

/// The peer behind a lock that its detach would take.
pub(crate) fn lock() -> Run {
    repeat(RwLock::new(Some(Peer::NEW)), |peer| {
        if let Ok(peer) = peer.read()
            && let Some(peer) = &*peer
        {
            peer.call();
        }
    })
}

pub(crate) enum One {}

impl Choice for One {
    const WORDS: GateWords = GateWords::One;
}

pub(crate) enum PerProcessor {}

impl Choice for PerProcessor {
    const WORDS: GateWords = GateWords::PerProcessor;
}

pub(crate) fn gate<C: Choice + 'static>() -> Run {
    let gate = Gate::<C>::new().expect("there is memory");
    gate.open();
    repeat((gate, Peer::NEW), |(gate, peer)| {
        if gate.enter() {
            peer.call();
            // SAFETY: the gate is alive, and this is the entry's own leave.
            let left = unsafe { Gate::leave(ptr::from_ref(gate)) };
            if left == Leave::LastOut {
                unreachable!("the gate is open");
            }
        }
    })
}
