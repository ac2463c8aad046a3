// SPDX-License-Identifier: MIT OR Apache-2.0

//! A simulated machine, which runs one cycle after the other, each with a new kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::iter;

use nmr::abi::NPIID;
use registrar::knobs::{self, Knob};
use scenarios::{
    Alternative, Counts, Cycle, Finding, MissingImports, Models, RaceSearch, Role,
    TransitionCounts, Verdict,
};

use crate::calls::thunk;
use crate::choices::Choices;
use crate::costs::{self, Kind};
use crate::emulation;
use crate::exceptions;
use crate::hardware::arena::{self, Arena, IMAGES};
use crate::hardware::breakpoints;
use crate::hardware::spin_loops;
use crate::hardware::stack::Stacks;
use crate::hardware::trap;
use crate::kernel::{Kernel, State, with};
use crate::run::main_loop;
use crate::run::options::{Images, Options, Tracing};
use crate::run::script;
use crate::run::unload_cost::UnloadCost;
use crate::scheduling::schedule::Schedule;
use crate::scheduling::{Guard, MICROSECOND};
use crate::verifier::faults::{FaultKind, Faults};

/// What one run of a cycle came to.
struct Ran {
    outcome: Outcome,
    /// The access to memory that is to be described when the cycle runs once more.
    undescribed: Option<u64>,
    /// It was given up because something was written below the frames of a thread that did
    /// not run.
    overwritten: bool,
}

/// The machine cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Its addresses are taken.
    #[error(
        "the simulated kernel cannot have its range of addresses ({0}): \
         run it in a process of its own, without an address sanitizer"
    )]
    Memory(io::Error),
    /// Faults cannot be caught.
    #[error("the simulated kernel cannot catch faults ({0}): run it outside a debugger or sandbox")]
    Signals(io::Error),
}

/// The outcome of a cycle.
#[derive(Debug)]
pub struct Outcome {
    /// What was counted.
    pub counts: Counts,
    /// A hash of the schedule: cycles with the same digest ran alike.
    pub digest: u64,
    /// What was registered, in this order.
    pub registered: Vec<(Role, NPIID)>,
    /// The state transitions of the modules.
    pub transitions: TransitionCounts,
    /// The injected faults.
    pub faults: Vec<String>,
    /// The number of calls of each kind that could have failed.
    pub calls: BTreeMap<FaultKind, u64>,
    /// The number of lines of its text trace, printed or not.
    pub events: u64,
    /// The number of points at which a thread could be switched.
    pub steps: u64,
    /// Its schedule.
    pub plan: Schedule,
    /// Where the schedule that was set could not be kept to, in words.
    pub unfollowed: Option<String>,
    /// The kernel that it was.
    pub kernel: knobs::Kernel,
    /// The open points that came up, with the answers that each had.
    pub answers: BTreeMap<Knob, BTreeSet<u32>>,
    /// What each unload took, if that is measured.
    pub unloads: Vec<UnloadCost>,
    /// The verdict, if the cycle did not run to its end.
    pub verdict: Option<Verdict>,
    /// What is worth telling but no failure.
    pub notes: Vec<Finding>,
}

/// A machine. There can be one in a process, and it stays on its OS thread.
#[derive(Debug)]
pub struct Machine {
    _arena: Arena,
    images: Images,
    /// Others that do the same.
    alternatives: BTreeMap<Alternative, Images>,
    options: Options,
    plan: Option<Schedule>,
    patience: Option<u64>,
    pub(super) stacks: Stacks,
}

impl Machine {
    /// A machine without drivers.
    ///
    /// # Errors
    ///
    /// The process cannot host one.
    pub fn new() -> Result<Self, SetupError> {
        let arena = Arena::reserve().map_err(SetupError::Memory)?;
        thunk::forget_code();
        trap::install(emulation::stub(), exceptions::stub(), exceptions::faulted())
            .map_err(SetupError::Signals)?;
        Ok(Self {
            _arena: arena,
            images: Images::default(),
            alternatives: BTreeMap::new(),
            options: Options::default(),
            plan: None,
            patience: None,
            stacks: Stacks::default(),
        })
    }

    /// Runs cycles in this way from now on.
    pub fn set_options(&mut self, options: Options) {
        self.options = options;
    }

    /// How cycles are run.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Keeps to a schedule in the cycles from now on, or draws it again.
    pub fn set_schedule(&mut self, plan: Option<Schedule>) {
        self.plan = plan;
    }

    /// Draws the schedule of another cycle in the cycles from now on, or their own again.
    pub(crate) const fn draw_schedule_of(&mut self, cycle: Option<u64>) {
        self.options.schedule_of = cycle;
    }

    /// Injects these faults in the cycles from now on.
    pub(crate) const fn set_faults(&mut self, faults: Faults) {
        self.options.faults = faults;
    }

    /// Gives up cycles from now on that take more steps than this, as if nothing
    /// were found.
    pub const fn set_patience(&mut self, steps: Option<u64>) {
        self.patience = steps;
    }

    /// The kernel of a cycle of the run with this seed.
    #[must_use]
    pub fn kernel(&self, seed: u64, index: u64) -> knobs::Kernel {
        Choices::kernel(self.options.kernel, seed, index)
    }

    /// The images for these models.
    fn images(&self, models: Models) -> Images {
        let of = |role| {
            let images = models.of(role).map_or(&self.images, |alternative| {
                let found = self.alternatives.get(&alternative);
                found.unwrap_or_else(|| panic!("there is no driver for {models}"))
            });
            images.of(role).to_vec()
        };
        Images {
            providers: of(Role::Provider),
            clients: of(Role::Client),
        }
    }

    /// Has these drivers installed from now on, and these alternatives.
    pub fn install(&mut self, images: Images, alternatives: BTreeMap<Alternative, Images>) {
        self.images = images;
        self.alternatives = alternatives;
    }

    /// What the images import that this kernel does not provide, by their names.
    #[must_use]
    pub fn missing_imports(&self) -> BTreeMap<String, MissingImports> {
        let all = iter::once(&self.images).chain(self.alternatives.values());
        let images = all.flat_map(|all| all.providers.iter().chain(&all.clients));
        images
            .map(|image| (image.name().to_owned(), image.missing_imports()))
            .filter(|(_, missing)| !missing.is_empty())
            .collect()
    }

    /// The schedule that is kept to.
    pub(crate) const fn take_schedule(&mut self) -> Option<Schedule> {
        self.plan.take()
    }

    /// Runs one cycle of the run with this seed, and prints its events if that is asked
    /// for.
    ///
    /// # Panics
    ///
    /// On a defect of the simulated kernel itself, or if the cycle needs
    /// drivers that the machine does not have.
    pub fn run(&mut self, seed: u64, cycle: &Cycle, index: u64, tracing: Tracing) -> Outcome {
        let watches = tracing != Tracing::Off || Choices::watches_stacks(seed, index);
        let first = if watches { Guard::Watch } else { Guard::Sum };
        let mut run = |guard| self.run_described(seed, cycle, index, tracing, guard);
        let (outcome, overwritten) = run(first);
        if !overwritten {
            return outcome;
        }
        let (again, _) = run(Guard::Watch);
        if again.verdict.is_some() {
            return again;
        }
        run(Guard::None).0
    }

    /// Runs one cycle, and once more if it has a race, so that the earlier access is
    /// described when it happens. Returns `true` besides if it was given up because something
    /// was written below the frames of a thread that did not run.
    fn run_described(
        &mut self,
        seed: u64,
        cycle: &Cycle,
        index: u64,
        tracing: Tracing,
        guard: Guard,
    ) -> (Outcome, bool) {
        let is_silent = tracing != Tracing::Off && self.options.races != RaceSearch::Off;
        let first = if is_silent { Tracing::Off } else { tracing };
        let ran = self.run_once(seed, cycle, index, first, guard, None);
        if ran.undescribed.is_none() && !is_silent {
            return (ran.outcome, ran.overwritten);
        }
        let ran = self.run_once(seed, cycle, index, tracing, guard, ran.undescribed);
        (ran.outcome, ran.overwritten)
    }

    /// Runs a cycle, and describes the access to memory with the number `described`.
    fn run_once(
        &mut self,
        seed: u64,
        cycle: &Cycle,
        index: u64,
        tracing: Tracing,
        guard: Guard,
        described: Option<u64>,
    ) -> Ran {
        let stacks = std::mem::take(&mut self.stacks);
        let options = Options {
            described,
            ..self.options.clone()
        };
        let mut state = State::new(
            self.images(cycle.models),
            options,
            stacks,
            cycle,
            seed,
            index,
            tracing,
        );
        if let Some(plan) = &self.plan {
            state.scheduling.keep_to(plan.clone());
        }
        state.scheduling.set_patience(self.patience);
        state.scheduling.set_guard(guard);
        let steps = cycle.steps.clone();
        let mut state = simulate(state, "script", move || script::perform(&steps));
        let time = state.scheduling.now() / MICROSECOND;
        state.counts.histograms.cycle_us.add(time);
        let events = state.events();
        let scheduled = state.scheduling.into_result();
        self.stacks = scheduled.stacks;
        let kernel = state.findings.kernel();
        let (verdict, notes) = state.findings.into_parts();
        let undescribed = state.verifier.races.undescribed();
        let outcome = Outcome {
            counts: state.counts,
            digest: scheduled.digest,
            registered: state.nmr.registered,
            transitions: state.nmr.transitions.counts,
            faults: state.verifier.faults.injected,
            calls: state.verifier.faults.seen,
            events,
            steps: scheduled.points,
            plan: scheduled.taken,
            unfollowed: scheduled.unfollowed,
            kernel,
            answers: state.choices.into_answers(),
            unloads: state.run.unload_costs,
            verdict,
            notes,
        };
        Ran {
            outcome,
            undescribed,
            overwritten: scheduled.overwritten,
        }
    }
}

/// Runs `body` on the first thread of a kernel, until that thread has ended or there is a
/// verdict. Returns the state that the kernel is left in.
pub(super) fn simulate(state: State, name: &str, body: impl FnOnce() + 'static) -> State {
    breakpoints::clear();
    spin_loops::clear();
    let kernel = Kernel::new(state);
    kernel.enter(|| {
        with(|state| state.scheduling.spawn_own(name.to_owned(), body));
        costs::measure(Kind::Running, || main_loop::run(&kernel));
    });
    let mut state = kernel.into_state();
    arena::recycle(IMAGES.start..state.loader.image_end);
    state.memory.aliases.end();
    state.memory.pool.recycle();
    state
}
