// SPDX-License-Identifier: MIT OR Apache-2.0

//! Every interleaving of two threads at the registrar, under loom: whichever thread wins,
//! each callback is made exactly once, every wait ends and nothing is left.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::model::Builder;
use loom::sync::{Condvar, Mutex};
use loom::thread;
use nmr::abi::{STATUS_PENDING, STATUS_SUCCESS};
use registrar::Registrar;
use registrar::finding::Finding;
use registrar::host::{Completion, Event, Host, Lock, Side};
use registrar::knobs::{Knob, Knobs};

use crate::support::{Module, NPI};

struct LoomLock<T>(Mutex<T>);

impl<T> Lock<T> for LoomLock<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        body(&mut self.0.lock().unwrap())
    }
}

struct LoomCompletion {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Completion for LoomCompletion {
    fn new() -> Self {
        Self {
            open: Mutex::new(false),
            opened: Condvar::new(),
        }
    }

    fn set(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        let mut open = self.open.lock().unwrap();
        while !*open {
            open = self.opened.wait(open).unwrap();
        }
    }
}

/// Answers that hold for a whole model; without checks, so that the only locks
/// are NMR's own.
#[derive(Clone, Copy)]
struct Answers(Knobs);

impl Host for Answers {
    const CHECKED: bool = false;
    type Lock<T> = LoomLock<T>;
    type Completion = LoomCompletion;

    fn irql(&self) -> u8 {
        0
    }

    fn thread(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        thread::current().id().hash(&mut hasher);
        hasher.finish()
    }

    fn draw(&self, knob: Knob, _: u32) -> u32 {
        self.0.answer(knob, || 0)
    }

    fn observe(&self, _: &Event) {}

    fn report(&self, _: Finding) {}
}

type Loomed = Arc<Module<Answers>>;

/// Explores `body` on a new provider and client for every set of answers.
fn explore(pending: bool, body: fn(&Loomed, &Loomed)) {
    const DRAWN: [Knob; 4] = [
        Knob::DetachOrder,
        Knob::DetachOverlap,
        Knob::EarlyComplete,
        Knob::DeregisterWhenIdle,
    ];
    for answers in 0..1 << DRAWN.len() {
        let mut knobs = Knobs::FIRST;
        for (bit, knob) in DRAWN.into_iter().enumerate() {
            knobs.set(knob, Some(answers >> bit & 1));
        }
        let answers = Answers(knobs);
        let explored = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&explored);
        Builder::new().check(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            let nmr = Arc::new(Registrar::new(answers));
            let [provider, client] = [Side::Provider, Side::Client].map(|side| {
                let mut module = Module::new(&nmr, side, &NPI);
                if pending {
                    module.on_detach = Box::new(|_| STATUS_PENDING);
                }
                module.on_cleanup = Box::new(|peer| {
                    let detached = peer.detached.load(Ordering::Relaxed);
                    assert_eq!(detached, 1, "its detach callback was called first");
                });
                Arc::new(module)
            });
            body(&provider, &client);
            assert_eq!(nmr.live_registrations(), []);
            for module in [&provider, &client] {
                for peer in module.peers() {
                    let ends =
                        [&peer.detached, &peer.cleaned].map(|count| count.load(Ordering::Relaxed));
                    assert_eq!(ends, [1, 1]);
                }
            }
            assert_eq!(provider.peers().len(), client.peers().len());
        });
        assert!(
            explored.load(Ordering::Relaxed) > 1,
            "loom saw one order only"
        );
    }
}

fn up(module: &Loomed) {
    assert_eq!(module.register(), STATUS_SUCCESS);
}

fn down(module: &Loomed) {
    if module.deregister() == STATUS_PENDING {
        assert_eq!(module.wait(), STATUS_SUCCESS);
    }
}

/// Runs `other` on a thread of its own beside `own`.
fn beside(module: &Loomed, other: fn(&Loomed), own: impl FnOnce()) {
    let module = Arc::clone(module);
    let thread = thread::spawn(move || other(&module));
    own();
    thread.join().unwrap();
}

#[test]
fn register_and_register() {
    explore(false, |provider, client| {
        beside(client, up, || up(provider));
        assert_eq!(client.peers().len(), 1);
        down(client);
        down(provider);
    });
}

#[test]
fn register_and_deregister() {
    explore(false, |provider, client| {
        up(provider);
        beside(client, up, || down(provider));
        down(client);
    });
}

#[test]
fn deregister_and_deregister() {
    explore(false, |provider, client| {
        up(provider);
        up(client);
        beside(client, down, || down(provider));
        assert_eq!(client.peers().len(), 1);
    });
}

#[test]
fn complete_and_complete() {
    explore(true, |provider, client| {
        up(provider);
        up(client);
        assert_eq!(client.deregister(), STATUS_PENDING);
        let complete = |module: &Loomed| module.peer().complete();
        beside(client, complete, || provider.peer().complete());
        assert_eq!(client.wait(), STATUS_SUCCESS);
        down(provider);
    });
}

#[test]
fn complete_and_deregister() {
    explore(true, |provider, client| {
        up(provider);
        up(client);
        let complete = |module: &Loomed| {
            module.peer().complete();
            module.linked().peer().complete();
        };
        client.link_to(provider);
        beside(client, complete, || down(provider));
        down(client);
    });
}

/// The schedule that found microsoft/usersim's stranded binding: one side stays
/// registered until the other is gone.
#[test]
fn hold() {
    explore(false, |provider, client| {
        let whole_life = |module: &Loomed| {
            up(module);
            down(module);
        };
        beside(client, whole_life, || up(provider));
        down(provider);
    });
}
