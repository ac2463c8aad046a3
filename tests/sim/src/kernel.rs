// SPDX-License-Identifier: MIT OR Apache-2.0

//! The state of the simulated kernel, and how its functions reach it.
//!
//! The state is a list of parts, each defined by the folder that owns it. Only this
//! file names all of them: a folder accesses its own part, and those of the folders
//! on which it depends, through [`with`].
//!
//! Functions that drivers call have no argument that leads to the state, so the
//! running kernel is in a thread-local. A cycle runs on one OS thread. Its state is
//! borrowed only while no simulated thread can be switched, which [`with`] asserts.

use std::cell::{Cell, UnsafeCell};
use std::io;
use std::ptr;

use registrar::Registrar;
use registrar::knobs::Knob;
use scenarios::{Counts, Cycle, RaceSearch, TraceEvent, TraceKind, TraceLine, write_line};

use crate::calls::thunk::Thunks;
use crate::choices::Choices;
use crate::exports::Exports;
use crate::findings::Findings;
use crate::hardware::stack::Stacks;
use crate::io::Io;
use crate::loader::Loader;
use crate::loader::drivers::DriverId;
use crate::memory::Memory;
use crate::network::Network;
use crate::nmr::Nmr;
use crate::nmr::host::SimHost;
use crate::objects::Objects;
use crate::run::Run;
use crate::run::options::{Images, Options, Tracing, UnloadCosts};
use crate::scheduling::system_clock::SystemClock;
use crate::scheduling::{MICROSECOND, Scheduler};
use crate::verifier::Verifier;
use crate::verifier::races::{Races, Switches};
use crate::wdf::Framework;

/// One simulated kernel, for one cycle.
pub(crate) struct Kernel {
    busy: Cell<bool>,
    state: UnsafeCell<State>,
    pub(crate) registrar: Registrar<SimHost>,
}

/// The state of a kernel: one field for each folder that keeps any.
pub(crate) struct State {
    pub(crate) choices: Choices,
    pub(crate) counts: Counts,
    pub(crate) scheduling: Scheduler,
    pub(crate) loader: Loader,
    pub(crate) memory: Memory,
    pub(crate) findings: Findings,
    pub(crate) verifier: Verifier,
    pub(crate) calls: Thunks,
    pub(crate) objects: Objects,
    pub(crate) io: Io,
    pub(crate) network: Network,
    pub(crate) nmr: Nmr,
    pub(crate) exports: Exports,
    pub(crate) wdf: Framework,
    pub(crate) run: Run,
    /// How the trace is printed.
    tracing: Tracing,
    /// The number of lines of the text trace, printed or not.
    events: Cell<u64>,
}

impl State {
    pub(crate) fn new(
        images: Images,
        options: Options,
        stacks: Stacks,
        cycle: &Cycle,
        seed: u64,
        index: u64,
        tracing: Tracing,
    ) -> Self {
        let mut objects = Objects::new(cycle.instances(), &cycle.settings);
        for instance in cycle.instances() {
            let values = options.registry.iter();
            for value in values.filter(|it| images.is_called(instance, &it.driver)) {
                objects.registry.set(instance, value);
            }
        }
        let preempts = options.unloads == UnloadCosts::None
            && (options.preempt || Choices::preempts(seed, index));
        let races = match options.races {
            RaceSearch::Off => false,
            RaceSearch::Sampled => Choices::searches_races(seed, index),
            RaceSearch::All => true,
        };
        let mut scheduling = Scheduler::new(
            options.strategy,
            stacks,
            Choices::of_schedule(seed, options.schedule_of.unwrap_or(index)),
            Choices::of_processors(seed, index),
            SystemClock::new(Choices::of_clocks(seed, index)),
        );
        // A message is also made of accesses to memory.
        let everywhere = preempts
            && !options.passes_over_messages
            && (options.preempt || Choices::switches(seed, index));
        let switches = everywhere.then(|| Switches::new(Choices::of_switches(seed, index)));
        let races = Races::new(races, preempts, switches, options.described);
        if races.is_enabled() {
            scheduling.clocks.enable();
        }
        let kernel = Choices::kernel(options.kernel, seed, index);
        Self {
            choices: Choices::new(options.knobs.or(kernel.knobs()), seed, index),
            counts: Counts {
                leaks: Some(0),
                ..Counts::default()
            },
            scheduling,
            loader: Loader::default(),
            memory: Memory::new(Choices::of_memory(seed, index)),
            findings: Findings::new(kernel, seed, index, options.ignored.clone()),
            verifier: Verifier::new(options.faults, Choices::of_faults(seed, index), races),
            calls: Thunks::new(options.passes_over_messages),
            objects,
            io: Io::default(),
            network: Network::default(),
            nmr: Nmr::new(&cycle.instances()),
            exports: Exports::default(),
            wdf: Framework::default(),
            run: Run::new(images, options, preempts),
            tracing,
            events: Cell::new(0),
        }
    }

    /// Answers a question that the documents leave open.
    pub(crate) fn knob(&mut self, knob: Knob) -> u32 {
        let answer = self.choices.knob(knob);
        self.trace(|_| format!("{knob}: {answer}"));
        answer
    }

    /// Records what a driver has registered as, such as `a callout driver`.
    pub(crate) fn record_role(&mut self, driver: DriverId, role: impl Into<String>) {
        let image = self.loader.drivers[driver].image.name().to_owned();
        let roles = self.counts.registered.entry(image).or_default();
        roles.insert(role.into());
    }

    /// Records what a driver has under way that ends before it is unloaded. One that can register
    /// with NMR and does not has not been tested, whatever it does besides.
    pub(crate) fn record_work(&mut self, driver: DriverId, role: &str) {
        if !self.loader.drivers[driver].image.can_register() {
            self.record_role(driver, role);
        }
    }

    /// Adds an event to the trace, if any.
    pub(crate) fn trace<Event: Into<TraceKind>>(&self, event: impl FnOnce(&Self) -> Event) {
        self.events.set(self.events.get() + 1);
        if self.tracing != Tracing::Off {
            self.print(event(self).into());
        }
    }

    /// Adds an event that the text trace has no line for.
    pub(crate) fn record(&self, event: impl FnOnce(&Self) -> TraceKind) {
        if self.prints_events() {
            self.print(event(self));
        }
    }

    /// Returns `true` if events are printed that the text trace has no line for.
    pub(crate) fn prints_events(&self) -> bool {
        self.tracing == Tracing::Events
    }

    fn print(&self, kind: TraceKind) {
        let time = self.scheduling.now() * (1000 / MICROSECOND);
        let thread = self.scheduling.current_id().0 as u64;
        let name = self.scheduling.current().name.clone();
        let event = TraceEvent::new(time, thread, name, kind);
        if self.prints_events() {
            let written = write_line(&mut io::stdout().lock(), &TraceLine::Event(event));
            written.expect("a reader that is gone ends the program");
        } else {
            println!("{event}");
        }
    }

    /// The number of lines of the text trace, printed or not.
    pub(crate) const fn events(&self) -> u64 {
        self.events.get()
    }
}

thread_local! {
    static KERNEL: Cell<*const Kernel> = const { Cell::new(ptr::null()) };
}

impl Kernel {
    pub(crate) fn new(state: State) -> Self {
        Self {
            busy: Cell::new(false),
            state: UnsafeCell::new(state),
            registrar: Registrar::new(SimHost),
        }
    }

    /// Runs `body` with this kernel as the current one of [`with`].
    pub(crate) fn enter<R>(&self, body: impl FnOnce() -> R) -> R {
        KERNEL.set(self);
        let result = body();
        KERNEL.set(ptr::null());
        result
    }

    /// After a fault: the thread that was stopped may have held the state.
    pub(crate) fn release(&self) {
        self.busy.set(false);
    }

    pub(crate) fn into_state(self) -> State {
        self.state.into_inner()
    }
}

/// The kernel that runs.
pub(crate) fn kernel() -> &'static Kernel {
    let kernel = KERNEL.get();
    assert!(!kernel.is_null(), "no simulated kernel runs on this thread");
    // SAFETY: `Kernel::enter` keeps the kernel borrowed while the pointer is
    // set; simulated threads do not outlive it.
    unsafe { &*kernel }
}

/// Lets `body` see the state. It must not switch threads or call a driver.
pub(crate) fn with<R>(body: impl FnOnce(&mut State) -> R) -> R {
    let kernel = kernel();
    assert!(!kernel.busy.replace(true), "the state is already borrowed");
    // SAFETY: `busy` was not set, so this is the only reference, on the only
    // OS thread that knows the kernel.
    let result = body(unsafe { &mut *kernel.state.get() });
    kernel.busy.set(false);
    result
}
