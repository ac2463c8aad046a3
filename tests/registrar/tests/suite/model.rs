// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random modules make random calls, and an executable model of the documents
//! says after each what must have happened.

use std::num::NonZeroU64;
use std::sync::Arc;

use nmr::abi::{
    NPI_REGISTRATION_INSTANCE, STATUS_INVALID_PARAMETER, STATUS_NOINTERFACE, STATUS_PENDING,
    STATUS_SUCCESS,
};
use proptest::collection::vec;
use proptest::prelude::*;
use registrar::Registrar;
use registrar::host::{BindingId, Call, Event, Phase, Side};
use registrar::knobs::Knob;
use registrar::process::Process;

use crate::support::{Module, NPI, OTHER_NPI, Peer, nmr, rules};

/// Three clients, then three providers; the last of each has another NPI.
const MODULES: usize = 6;

/// How a module detaches.
#[derive(Clone, Copy, Debug)]
enum Habit {
    /// At once.
    Prompt,
    /// It pends, and completes before its callback has returned.
    Hasty,
    /// It pends, and completes later.
    Slow,
    /// It pends, and completes in its attach callback, before there is a binding: R20.
    Premature,
}

/// What is done next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Register this module, deregister it, or wait for it: what it can.
    Move(usize),
    /// Complete one of the pending detaches.
    Complete(usize),
    /// Complete a detach that is still to come, and will pend.
    Hurry(usize),
    /// Use this module's handle in a way that is not allowed now.
    Misuse(usize),
}

/// What makes a run.
#[derive(Clone, Debug)]
struct Run {
    habits: [Habit; MODULES],
    /// Which modules refuse peers with an odd number.
    choosy: [bool; MODULES],
    answers: [(Knob, bool); 8],
    steps: Vec<Step>,
}

impl Run {
    fn answer(&self, knob: Knob) -> bool {
        self.answers.contains(&(knob, true))
    }
}

fn runs() -> impl Strategy<Value = Run> {
    let step = prop_oneof![
        5 => (0..MODULES).prop_map(Step::Move),
        4 => (0..64_usize).prop_map(Step::Complete),
        1 => (0..64_usize).prop_map(Step::Hurry),
        1 => (0..MODULES).prop_map(Step::Misuse),
    ];
    let habit = prop_oneof![
        2 => Just(Habit::Prompt),
        2 => Just(Habit::Hasty),
        2 => Just(Habit::Slow),
        1 => Just(Habit::Premature),
    ];
    (
        proptest::array::uniform(habit),
        any::<[bool; MODULES]>(),
        any::<[bool; 8]>(),
        vec(step, 1..80),
    )
        .prop_map(|(habits, choosy, answers, steps)| {
            let [order, overlap, early, cleanup, handle, attach, irql, finish] = answers;
            Run {
                habits,
                choosy,
                answers: [
                    (Knob::DetachOrder, order),
                    (Knob::DetachOverlap, overlap),
                    (Knob::EarlyComplete, early),
                    (Knob::CleanupOrder, cleanup),
                    (Knob::HandleWritten, handle),
                    (Knob::AttachOrder, attach),
                    (Knob::CallbackIrql, irql),
                    (Knob::DeregisterWhenIdle, finish),
                ],
                steps,
            }
        })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Gone,
    Registered,
    Leaving,
}

/// One side of a binding in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Attached,
    Pending,
    Detached,
}

/// A binding in the model: its modules and their ends, the client's first.
#[derive(Clone, Copy, Debug)]
struct Bound {
    modules: [usize; 2],
    ends: [End; 2],
    /// Whose detach was completed before it began.
    ahead: [bool; 2],
}

/// What the documents say of one registrar.
struct Model {
    run: Run,
    standing: [Standing; MODULES],
    bindings: Vec<Bound>,
    offers: [u32; MODULES],
    ends: [(u32, u32); MODULES],
}

const fn is_client(module: usize) -> bool {
    module < MODULES / 2
}

const fn npi_of(module: usize) -> bool {
    module % 3 == 2
}

impl Model {
    const fn new(run: Run) -> Self {
        Self {
            run,
            standing: [Standing::Gone; MODULES],
            bindings: Vec::new(),
            offers: [0; MODULES],
            ends: [(0, 0); MODULES],
        }
    }

    fn accepts(&mut self, module: usize, peer: usize) -> bool {
        self.offers[module] += 1;
        !self.run.choosy[module] || peer.is_multiple_of(2)
    }

    fn register(&mut self, module: usize) {
        self.standing[module] = Standing::Registered;
        for peer in 0..MODULES {
            let matches = is_client(peer) != is_client(module) && npi_of(peer) == npi_of(module);
            if !matches || self.standing[peer] != Standing::Registered {
                continue;
            }
            let modules = [module.min(peer), module.max(peer)];
            let [client, provider] = modules;
            if self.accepts(client, provider) && self.accepts(provider, client) {
                let ends = [End::Attached; 2];
                self.bindings.push(Bound {
                    modules,
                    ends,
                    ahead: [false; 2],
                });
            }
        }
    }

    fn deregister(&mut self, module: usize) {
        self.standing[module] = Standing::Leaving;
        for binding in 0..self.bindings.len() {
            let bound = self.bindings[binding];
            if bound.modules.contains(&module) && bound.ends == [End::Attached; 2] {
                self.detach(binding, usize::from(self.run.answer(Knob::DetachOrder)));
            }
        }
        self.clean_up();
    }

    fn detach(&mut self, binding: usize, side: usize) {
        let Bound {
            modules,
            ends,
            ahead,
        } = &mut self.bindings[binding];
        let module = modules[side];
        self.ends[module].0 += 1;
        ends[side] = match self.run.habits[module] {
            Habit::Prompt | Habit::Hasty | Habit::Premature => End::Detached,
            Habit::Slow if ahead[side] => End::Detached,
            Habit::Slow => End::Pending,
        };
        let goes_on = ends[side] == End::Detached || !self.run.answer(Knob::DetachOverlap);
        if goes_on && ends[1 - side] == End::Attached {
            self.detach(binding, 1 - side);
        }
    }

    fn complete(&mut self, binding: usize, side: usize) {
        let ends = &mut self.bindings[binding].ends;
        ends[side] = End::Detached;
        if ends[1 - side] == End::Attached {
            self.detach(binding, 1 - side);
        }
        self.clean_up();
    }

    fn clean_up(&mut self) {
        let cleaned = &mut self.ends;
        self.bindings.retain(|bound| {
            let over = bound.ends == [End::Detached; 2];
            if over {
                for module in bound.modules {
                    cleaned[module].1 += 1;
                }
            }
            !over
        });
    }

    /// The sides of bindings of which `is` is true.
    fn sides(&self, is: impl Fn(&Bound, usize) -> bool) -> Vec<(usize, usize)> {
        let sides = |binding| [(binding, 0), (binding, 1)];
        (0..self.bindings.len())
            .flat_map(sides)
            .filter(|&(binding, side)| is(&self.bindings[binding], side))
            .collect()
    }

    /// The pending detaches, as binding and side.
    fn pending(&self) -> Vec<(usize, usize)> {
        self.sides(|bound, side| bound.ends[side] == End::Pending)
    }

    /// The detaches that can be completed ahead of their callbacks.
    fn to_come(&self) -> Vec<(usize, usize)> {
        self.sides(|bound, side| {
            let slow = matches!(self.run.habits[bound.modules[side]], Habit::Slow);
            slow && bound.ends[side] == End::Attached && !bound.ahead[side]
        })
    }

    fn idle(&self, module: usize) -> bool {
        !self
            .bindings
            .iter()
            .any(|bound| bound.modules.contains(&module))
    }
}

/// The real thing beside the model.
struct Driver {
    nmr: Arc<Registrar<Process>>,
    modules: Vec<Module<Process>>,
    model: Model,
}

/// The number that a module gave itself.
fn number(instance: *const NPI_REGISTRATION_INSTANCE) -> u32 {
    // SAFETY: the peer's structure, readable while it is registered.
    unsafe { (*instance).Number }
}

impl Driver {
    fn new(run: Run) -> Self {
        let nmr = nmr();
        for (knob, answer) in run.answers {
            nmr.host().fix(knob, Some(answer.into()));
        }
        let modules = (0..MODULES)
            .map(|module| make(&nmr, module, &run))
            .collect();
        let model = Model::new(run);
        Self {
            nmr,
            modules,
            model,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Move(module) => self.advance(module),
            Step::Complete(choice) => {
                let pending = self.model.pending();
                if !pending.is_empty() {
                    let (binding, side) = pending[choice % pending.len()];
                    self.complete(binding, side);
                }
            }
            Step::Hurry(choice) => {
                let to_come = self.model.to_come();
                if !to_come.is_empty() {
                    let (binding, side) = to_come[choice % to_come.len()];
                    self.peer(binding, side).complete();
                    self.model.bindings[binding].ahead[side] = true;
                }
            }
            Step::Misuse(module) => {
                let status = match self.model.standing[module] {
                    Standing::Gone | Standing::Leaving => self.modules[module].deregister(),
                    Standing::Registered => self.modules[module].wait(),
                };
                assert_eq!(status, STATUS_INVALID_PARAMETER);
                let broken = rules(&self.nmr);
                assert!(matches!(broken[..], [22 | 23 | 28]), "{broken:?}");
            }
        }
        self.compare();
    }

    fn advance(&mut self, module: usize) {
        let real = &self.modules[module];
        match self.model.standing[module] {
            Standing::Gone => {
                assert_eq!(real.register(), STATUS_SUCCESS);
                self.model.register(module);
            }
            Standing::Registered => {
                let status = real.deregister();
                self.model.deregister(module);
                let gone =
                    self.model.run.answer(Knob::DeregisterWhenIdle) && self.model.idle(module);
                if gone {
                    assert_eq!(status, STATUS_SUCCESS);
                    self.model.standing[module] = Standing::Gone;
                } else {
                    assert_eq!(status, STATUS_PENDING);
                }
            }
            Standing::Leaving if self.model.idle(module) => {
                assert_eq!(real.wait(), STATUS_SUCCESS);
                self.model.standing[module] = Standing::Gone;
            }
            Standing::Leaving => {}
        }
    }

    /// Completes a side's pending detach.
    fn complete(&mut self, binding: usize, side: usize) {
        self.peer(binding, side).complete();
        self.model.complete(binding, side);
    }

    /// A side's real context: that of the newest binding between the two
    /// modules.
    fn peer(&self, binding: usize, side: usize) -> Arc<Peer<Process>> {
        let modules = self.model.bindings[binding].modules;
        let other = &self.modules[modules[1 - side]];
        self.modules[modules[side]]
            .peers()
            .into_iter()
            .rfind(|peer| {
                let context = peer.context.load(std::sync::atomic::Ordering::Relaxed);
                let theirs = other.peers();
                theirs
                    .iter()
                    .any(|their| Arc::as_ptr(their) == context.cast_const().cast())
            })
            .expect("a bound pair knows each other")
    }

    fn compare(&self) {
        let premature = |habit: &Habit| matches!(habit, Habit::Premature);
        let mut broken = rules(&self.nmr);
        broken.retain(|&rule| rule != 20 || !self.model.run.habits.iter().any(premature));
        assert_eq!(broken, [] as [u8; 0]);
        for (module, real) in self.modules.iter().enumerate() {
            assert_eq!(
                real.offers(),
                self.model.offers[module],
                "offers to {module}"
            );
            assert_eq!(real.ends(), self.model.ends[module], "ends of {module}");
        }
        let live = self.nmr.live_registrations().len();
        let standing = &self.model.standing;
        assert_eq!(
            live,
            standing
                .iter()
                .filter(|&&one| one != Standing::Gone)
                .count()
        );
    }

    /// Everybody goes: every wait ends.
    fn finish(&mut self) {
        for module in 0..MODULES {
            if self.model.standing[module] == Standing::Registered {
                self.advance(module);
            }
        }
        while let Some(&(binding, side)) = self.model.pending().first() {
            self.complete(binding, side);
            self.compare();
        }
        for module in 0..MODULES {
            if self.model.standing[module] == Standing::Leaving {
                self.advance(module);
            }
            assert_eq!(self.model.standing[module], Standing::Gone);
        }
        self.compare();
        check_orders(&self.nmr.take_events());
    }
}

fn make(nmr: &Arc<Registrar<Process>>, index: usize, run: &Run) -> Module<Process> {
    let side = if is_client(index) {
        Side::Client
    } else {
        Side::Provider
    };
    let npi = if npi_of(index) { &OTHER_NPI } else { &NPI };
    let mut module = Module::new(nmr, side, npi);
    let own_number = index.try_into().unwrap();
    module.client.ClientRegistrationInstance.Number = own_number;
    module.provider.ProviderRegistrationInstance.Number = own_number;
    let choosy = run.choosy[index];
    let habit = run.habits[index];
    let refuses = move |instance| choosy && !number(instance).is_multiple_of(2);
    module.on_offer = Box::new(move |offer| {
        if refuses(offer.instance) {
            STATUS_NOINTERFACE
        } else {
            if matches!(habit, Habit::Premature) {
                offer
                    .module
                    .nmr
                    .client_detach_provider_complete(offer.handle);
            }
            offer.accept()
        }
    });
    module.on_asked = Box::new(move |asked| {
        if refuses(asked.instance) {
            STATUS_NOINTERFACE
        } else {
            if matches!(habit, Habit::Premature) {
                asked
                    .module
                    .nmr
                    .provider_detach_client_complete(asked.handle);
            }
            asked.accept()
        }
    });
    module.on_detach = Box::new(move |peer| match habit {
        Habit::Prompt => STATUS_SUCCESS,
        Habit::Hasty => {
            peer.complete();
            STATUS_PENDING
        }
        Habit::Slow | Habit::Premature => STATUS_PENDING,
    });
    module
}

/// Of every binding: attach, then at most one detach a side, then at most one
/// cleanup a side, and none before both sides have come to an end.
fn check_orders(events: &[Event]) {
    let last = events.iter().filter_map(|event| event.binding).max();
    for id in 1..=last.map_or(0, |last| last.0.get()) {
        let id = NonZeroU64::new(id).map(BindingId);
        let own: Vec<&Event> = events.iter().filter(|event| event.binding == id).collect();
        let places = |call, side| {
            let wanted = move |event: &Event| {
                (event.call, event.side, event.phase) == (call, side, Phase::Enter)
            };
            own.iter()
                .enumerate()
                .filter(move |(_, event)| wanted(event))
                .map(|(place, _)| place)
                .collect::<Vec<_>>()
        };
        for side in [Side::Client, Side::Provider] {
            let detach = places(Call::DetachCallback, side);
            let cleanup = places(Call::CleanupCallback, side);
            assert!(
                detach.len() <= 1 && cleanup.len() == detach.len(),
                "{own:?}"
            );
            let Some(&cleanup) = cleanup.first() else {
                continue;
            };
            for other in [Side::Client, Side::Provider] {
                assert!(
                    places(Call::DetachCallback, other)
                        .iter()
                        .all(|&at| at < cleanup)
                );
                assert!(
                    places(Call::DetachComplete, other)
                        .iter()
                        .all(|&at| at < cleanup)
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_registrar_does_as_the_model_says(run in runs()) {
        let steps = run.steps.clone();
        let mut driver = Driver::new(run);
        for step in steps {
            driver.step(step);
        }
        driver.finish();
    }
}
