// SPDX-License-Identifier: MIT OR Apache-2.0

//! The state of the simulated kernel, and how its functions get at it.
//!
//! Functions that drivers call have no argument that leads here, so the kernel
//! that runs is found through a thread-local. A cycle runs on one OS thread;
//! its state is only borrowed for moments in which no simulated thread can be
//! switched, which [`with`] asserts.

use std::cell::{Cell, UnsafeCell};
use std::collections::BTreeMap;
use std::ptr;
use std::rc::Rc;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use registrar::Registrar;
use registrar::knobs::{Knob, Knobs};
use scenarios::{Counts, Cycle, Finding, Instance, Overlap, Role, stream};

use crate::calls::thunk::Thunks;
use crate::exports::execution::callbacks::Registered;
use crate::hardware::arena::IMAGES;
use crate::hardware::stack::Stacks;
use crate::io::files::Files;
use crate::io::requests::Requests;
use crate::loader::drivers::{DriverId, Drivers};
use crate::loader::image::Image;
use crate::memory::pageable::Pageable;
use crate::memory::pool::Pool;
use crate::nmr::host::SimHost;
use crate::nmr::transitions::Walk;
use crate::objects::deferred::Deferred;
use crate::objects::handles::Handles;
use crate::objects::kernel_objects::Objects;
use crate::objects::names::Names;
use crate::objects::registry::Registry;
use crate::objects::security::Dacl;
use crate::run::programs::Held;
use crate::run::scm::{Loaded, Record};
use crate::scheduling::scheduler::Scheduler;
use crate::scheduling::strategy::Strategy;
use crate::verifier::binding_calls::Watch;
use crate::verifier::callback_locks::Edges;
use crate::verifier::faults::{Faults, Injector};
use crate::verifier::locks::Locks;
use crate::verifier::nmr_lock_order::NmrOrder;
use crate::verifier::outstanding_requests::Loans;
use crate::wdf::Framework;

/// The images that a cycle loads.
#[derive(Clone, Debug)]
pub struct Images {
    /// The provider.
    pub provider: Rc<Image>,
    /// The client.
    pub client: Rc<Image>,
}

impl Images {
    pub(crate) fn of(&self, role: Role) -> &Rc<Image> {
        match role {
            Role::Provider => &self.provider,
            Role::Client => &self.client,
        }
    }
}

/// How cycles are run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Who runs next.
    pub strategy: Strategy,
    /// Whether threads are preempted inside driver code, too.
    pub preempt: bool,
    /// Which calls fail.
    pub faults: Faults,
    /// Which of NMR's open points are answered alike in all cycles.
    pub knobs: Knobs,
}

/// One simulated kernel, for one cycle.
pub(crate) struct Kernel {
    busy: Cell<bool>,
    state: UnsafeCell<State>,
    pub(crate) registrar: Registrar<SimHost>,
}

/// All that a kernel knows.
pub(crate) struct State {
    pub(crate) seed: u64,
    pub(crate) cycle: u64,
    pub(crate) images: Images,
    pub(crate) options: Options,
    /// Where the last image ended.
    pub(crate) image_end: usize,
    /// Choices of what runs next.
    pub(crate) random: ChaCha8Rng,
    /// Choices of what the documents leave open.
    pub(crate) knobs: ChaCha8Rng,
    /// Choices of anything else: a schedule that is written leaves them as they
    /// were where it was drawn.
    pub(crate) chance: ChaCha8Rng,
    /// Choices of who loads and unloads, and how.
    pub(crate) managers: ChaCha8Rng,
    pub(crate) scheduler: Scheduler,
    pub(crate) stacks: Stacks,
    pub(crate) drivers: Drivers,
    pub(crate) pool: Pool,
    pub(crate) pageable: Pageable,
    pub(crate) thunks: Thunks,
    pub(crate) handles: Handles,
    pub(crate) registry: Registry,
    pub(crate) requests: Requests,
    pub(crate) files: Files,
    pub(crate) held: Held,
    /// The drivers that are loaded.
    pub(crate) loaded: BTreeMap<Instance, Loaded>,
    /// The services that were asked for.
    pub(crate) records: BTreeMap<Instance, Record>,
    pub(crate) objects: Objects,
    pub(crate) locks: Locks,
    pub(crate) nmr_order: NmrOrder,
    pub(crate) deferred: Deferred,
    pub(crate) names: Names,
    pub(crate) framework: Framework,
    /// The access control lists of devices that have one, by address.
    pub(crate) protections: BTreeMap<usize, Dacl>,
    pub(crate) named_callbacks: BTreeMap<String, usize>,
    pub(crate) callbacks: Vec<Registered>,
    pub(crate) variables: BTreeMap<&'static str, usize>,
    pub(crate) faults: Injector,
    pub(crate) walk: Walk,
    pub(crate) watch: Watch,
    /// The deregistrations that are pending, each with its driver.
    pub(crate) deregistrations: Overlap<Option<DriverId>>,
    pub(crate) loans: Loans,
    pub(crate) edges: Edges,
    pub(crate) counts: Counts,
    pub(crate) finding: Option<Finding>,
    pub(crate) traced: bool,
    /// How many lines its trace has, or would have.
    pub(crate) events: Cell<u64>,
}

/// Purposes of [`stream`].
const SCHEDULE: u8 = 1;
const KNOBS: u8 = 2;
const FAULTS: u8 = 3;
const CHANCE: u8 = 4;
const MANAGERS: u8 = 5;

impl State {
    pub(crate) fn new(
        images: Images,
        options: Options,
        stacks: Stacks,
        cycle: &Cycle,
        seed: u64,
        index: u64,
        traced: bool,
    ) -> Self {
        let mut random = stream(seed, index, SCHEDULE);
        let scheduler = Scheduler::new(options.strategy, &mut random);
        Self {
            seed,
            cycle: index,
            images,
            options,
            image_end: IMAGES.start,
            random,
            knobs: stream(seed, index, KNOBS),
            chance: stream(seed, index, CHANCE),
            managers: stream(seed, index, MANAGERS),
            scheduler,
            stacks,
            drivers: Drivers::default(),
            pool: Pool::new(),
            pageable: Pageable::default(),
            thunks: Thunks::default(),
            handles: Handles::default(),
            registry: Registry::new(cycle.instances(), &cycle.settings),
            requests: Requests::default(),
            files: Files::default(),
            held: Held::default(),
            loaded: BTreeMap::new(),
            records: BTreeMap::new(),
            objects: Objects::default(),
            locks: Locks::default(),
            nmr_order: NmrOrder::default(),
            deferred: Deferred::default(),
            names: Names::default(),
            framework: Framework::default(),
            protections: BTreeMap::new(),
            named_callbacks: BTreeMap::new(),
            callbacks: Vec::new(),
            variables: BTreeMap::new(),
            faults: Injector::new(options.faults, stream(seed, index, FAULTS)),
            walk: Walk::new(&cycle.instances()),
            watch: Watch::default(),
            deregistrations: Overlap::default(),
            loans: Loans::default(),
            edges: Edges::default(),
            counts: Counts {
                leaks: Some(0),
                ..Counts::default()
            },
            finding: None,
            traced,
            events: Cell::new(0),
        }
    }

    /// One of `answers` answers to a question that the documents leave open.
    pub(crate) fn knob(&mut self, knob: Knob, answers: u32) -> u32 {
        let random = &mut self.knobs;
        let fixed = self.options.knobs;
        fixed.answer(knob, || random.random_range(0..answers))
    }

    /// Adds a line to the trace, if there is one.
    pub(crate) fn trace(&self, line: impl FnOnce(&Self) -> String) {
        self.events.set(self.events.get() + 1);
        if self.traced {
            let time = self.scheduler.time;
            let thread = &self.scheduler.current().name;
            println!("{:>8}.{} {thread:<14} {}", time / 10, time % 10, line(self));
        }
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

    /// Runs `body` with this kernel as the one that [`with`] finds.
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
