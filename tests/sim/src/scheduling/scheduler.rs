// SPDX-License-Identifier: MIT OR Apache-2.0

//! Simulated threads and time.
//!
//! Threads are stackful coroutines on one OS thread. Who goes on is drawn from
//! the cycle's seed at every [`point`]: each call between modules, on its way in
//! and on its way out, and each atomic instruction where drivers are preempted.
//! Time passes a little at each point, and jumps to the
//! next timer when all sleep.
//!
//! There are one to four simulated processors. A thread at `DISPATCH_LEVEL` or
//! above keeps the processor that it is on; the others run on those that are
//! left, so it stops them only where there is no other.
//!
//! # Limits
//!
//! Code between two points runs as if it were one instruction.

use corosensei::{Coroutine, CoroutineResult, Yielder};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::calls::thunk::Frame;
use crate::hardware::irql::{DISPATCH_LEVEL, Irql, PASSIVE_LEVEL};
use crate::hardware::stack::{self, SimStack};
use crate::hardware::trap::{self, Fault};
use crate::kernel::{Kernel, State, with};
use crate::loader::drivers::DriverId;
use crate::scheduling::schedule::{self, Plan};
use crate::scheduling::strategy::{Chooser, Strategy};

/// Time passes in units of 100 ns, as Windows counts it.
pub(crate) const MICROSECOND: u64 = 10;
/// What passes at each point.
const TICK: u64 = 5;
/// A cycle that has not ended by then never will.
const MOST_POINTS: u64 = 2_000_000;
/// Nor will one in which so much time has passed.
const LONGEST: u64 = 20 * 1_000_000 * MICROSECOND;

/// Why a thread gives way.
#[derive(Debug)]
pub(crate) enum Pause {
    /// To go on later.
    Switch,
    /// For good.
    Terminate,
}

/// How a thread ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Returned,
    Fault(Fault),
}

pub(crate) type Fiber = Coroutine<(), Pause, Outcome, SimStack>;

/// A thread, numbered in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ThreadId(pub(crate) usize);

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waitable {
    /// The dispatcher object at this address.
    Object(usize),
    /// That no driver has a pointer to the object at this address.
    Pointers(usize),
    /// That no file of a driver is open.
    Files(DriverId),
    /// A door of the registrar.
    Door(u32),
    /// The end of a thread.
    Thread(ThreadId),
    /// A module's coming to another stage.
    Stage,
    /// Time only.
    Nothing,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    Satisfied,
    TimedOut,
}

/// Whether a thread can run.
#[derive(Debug)]
enum Run {
    Ready,
    Blocked { on: Waitable, until: Option<u64> },
    Ended,
}

/// A simulated thread.
pub(crate) struct Thread {
    pub(crate) name: String,
    /// The driver that created it.
    pub(crate) driver: Option<DriverId>,
    pub(crate) irql: Irql,
    /// The calls between modules that are under way, the innermost last.
    pub(crate) frames: Vec<Frame>,
    /// The address of its `KTHREAD`, 0 if it has none.
    pub(crate) object: usize,
    /// How many critical and guarded regions it is in.
    pub(crate) regions: u32,
    /// More objects that it waits for.
    pub(crate) also: Vec<usize>,
    /// Whether it waits for all of them at once.
    pub(crate) wants_all: bool,
    /// Which object ended its wait.
    pub(crate) woken_by: usize,
    run: Run,
    woken: Woken,
    fiber: Option<Fiber>,
    yielder: *const Yielder<(), Pause>,
}

impl Thread {
    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.run, Run::Ended)
    }

    fn waits_for(&self, what: Waitable) -> bool {
        let Run::Blocked { on, .. } = self.run else {
            return false;
        };
        on == what || matches!(what, Waitable::Object(address) if self.also.contains(&address))
    }

    /// Whether it keeps a processor.
    const fn is_pinned(&self) -> bool {
        self.irql >= DISPATCH_LEVEL && !self.has_ended()
    }

    /// What it waits for without an end in sight.
    pub(crate) fn blocked_on(&self) -> Option<Waitable> {
        match self.run {
            Run::Blocked { on, until: None } => Some(on),
            _ => None,
        }
    }
}

/// All threads of a cycle, those that have ended included.
pub(crate) struct Scheduler {
    pub(crate) threads: Vec<Thread>,
    pub(crate) time: u64,
    /// Differs whenever another course was taken.
    pub(crate) digest: u64,
    current: usize,
    /// Who was drawn at the last point.
    next: Option<usize>,
    pub(crate) points: u64,
    /// After how many points the cycle is given up.
    pub(crate) patience: Option<u64>,
    doors: u32,
    chooser: Chooser,
    /// The schedule to keep to instead, if there is one.
    plan: Option<Plan>,
    /// The schedule that is taken.
    pub(crate) taken: Plan,
    decisions: u64,
    /// How many processors there are.
    pub(crate) processors: usize,
}

impl Scheduler {
    pub(crate) fn new(strategy: Strategy, random: &mut ChaCha8Rng) -> Self {
        Self {
            threads: Vec::new(),
            time: 0,
            digest: 0,
            current: 0,
            next: None,
            points: 0,
            patience: None,
            doors: 0,
            chooser: Chooser::new(strategy, random),
            plan: None,
            taken: Plan::default(),
            decisions: 0,
            processors: [1, 2, 2, 4][random.random_range(0..4)],
        }
    }

    pub(crate) fn current(&self) -> &Thread {
        &self.threads[self.current]
    }

    pub(crate) fn current_mut(&mut self) -> &mut Thread {
        &mut self.threads[self.current]
    }

    pub(crate) const fn current_id(&self) -> ThreadId {
        ThreadId(self.current)
    }

    pub(crate) fn thread(&self, id: ThreadId) -> &Thread {
        &self.threads[id.0]
    }

    pub(crate) fn thread_mut(&mut self, id: ThreadId) -> &mut Thread {
        &mut self.threads[id.0]
    }

    /// The number of a new door.
    pub(crate) const fn new_door(&mut self) -> u32 {
        self.doors += 1;
        self.doors
    }

    /// Takes note of something in the digest of the course.
    pub(crate) fn note(&mut self, what: u64) {
        const PRIME: u64 = 0x0000_0100_0000_01B3;
        self.digest = (self.digest ^ what).wrapping_mul(PRIME).rotate_left(7);
    }

    /// The threads that wait for `what`, in the order of creation.
    pub(crate) fn waiters(&self, what: Waitable) -> Vec<ThreadId> {
        self.threads
            .iter()
            .enumerate()
            .filter(|(_, thread)| thread.waits_for(what))
            .map(|(index, _)| ThreadId(index))
            .collect()
    }

    /// Ends a thread's wait, if it waits.
    pub(crate) fn wake(&mut self, id: ThreadId, woken: Woken) {
        let thread = self.thread_mut(id);
        if matches!(thread.run, Run::Blocked { .. }) {
            thread.run = Run::Ready;
            thread.woken = woken;
        }
    }

    /// Ends the wait of all that wait for `what`.
    pub(crate) fn wake_all(&mut self, what: Waitable) {
        for id in self.waiters(what) {
            if let Waitable::Object(address) = what {
                self.thread_mut(id).woken_by = address;
            }
            self.wake(id, Woken::Satisfied);
        }
    }

    fn is_given_up(&self) -> bool {
        self.patience.is_some_and(|most| self.points > most)
    }

    fn wake_due(&mut self) {
        for thread in &mut self.threads {
            if let Run::Blocked {
                until: Some(until), ..
            } = thread.run
                && until <= self.time
            {
                thread.run = Run::Ready;
                thread.woken = Woken::TimedOut;
            }
        }
    }

    fn next_deadline(&self) -> Option<u64> {
        self.threads
            .iter()
            .filter_map(|thread| match thread.run {
                Run::Blocked { until, .. } => until,
                _ => None,
            })
            .min()
    }

    /// Whether a thread below `DISPATCH_LEVEL` finds a processor.
    fn has_processor(&self) -> bool {
        let pinned = self.threads.iter().filter(|thread| thread.is_pinned());
        pinned.count() < self.processors
    }

    /// The number of the current thread's processor.
    pub(crate) fn processor(&self) -> u32 {
        let me = self.current_id().0;
        let before = self.threads[..me]
            .iter()
            .filter(|thread| thread.is_pinned());
        let number = if self.current().is_pinned() {
            before.count()
        } else {
            me
        };
        u32::try_from(number % self.processors).expect("there are few")
    }

    /// The schedule that is taken has `next` go on at this decision.
    fn take_note(&mut self, next: usize) {
        self.taken.put(self.decisions, next);
    }

    /// Keeps to a schedule from now on.
    pub(crate) fn keep_to(&mut self, plan: Plan) {
        self.plan = Some(plan);
    }

    /// Whether the thread that runs may be switched at this point.
    fn interrupts(&mut self, random: &mut ChaCha8Rng) -> bool {
        match &self.plan {
            Some(plan) => plan.at(self.decisions).is_some(),
            None => self.chooser.interrupts(self.current, random),
        }
    }

    /// One of the threads that can run, and who would go on by itself.
    fn draw(&mut self, random: &mut ChaCha8Rng) -> Option<(usize, usize)> {
        let any = self.has_processor();
        let ready = |thread: &Thread| {
            matches!(thread.run, Run::Ready) && (any || thread.irql >= DISPATCH_LEVEL)
        };
        let all = self.threads.iter().enumerate();
        let ready: Vec<_> = all
            .filter(|(_, thread)| ready(thread))
            .map(|(index, _)| index)
            .collect();
        let own = schedule::by_itself(&ready, self.current)?;
        let next = match &self.plan {
            Some(plan) => {
                let planned = plan.at(self.decisions);
                planned
                    .filter(|thread| ready.contains(thread))
                    .unwrap_or(own)
            }
            None => self.chooser.choose(&ready, self.current, random)?,
        };
        Some((next, own))
    }
}

impl State {
    /// Makes a thread that runs `body`, or none where there is no stack for it.
    pub(crate) fn spawn(
        &mut self,
        name: String,
        driver: Option<DriverId>,
        body: impl FnOnce() + 'static,
    ) -> Option<ThreadId> {
        let stack = self.stacks.take()?;
        Some(self.begin(stack, name, driver, body))
    }

    /// Makes one of the threads without which a cycle does not go on.
    pub(crate) fn spawn_own(&mut self, name: String, body: impl FnOnce() + 'static) -> ThreadId {
        let stack = self.stacks.take_reserved();
        self.begin(stack, name, None, body)
    }

    fn begin(
        &mut self,
        stack: SimStack,
        name: String,
        driver: Option<DriverId>,
        body: impl FnOnce() + 'static,
    ) -> ThreadId {
        let index = self.scheduler.threads.len();
        let fiber = Fiber::with_stack(stack, move |yielder, ()| {
            with(|state| state.scheduler.threads[index].yielder = yielder);
            stack::below_headroom(body);
            Outcome::Returned
        });
        self.scheduler.threads.push(Thread {
            name,
            driver,
            irql: PASSIVE_LEVEL,
            frames: Vec::new(),
            object: 0,
            regions: 0,
            also: Vec::new(),
            wants_all: false,
            woken_by: 0,
            run: Run::Ready,
            woken: Woken::Satisfied,
            fiber: Some(fiber),
            yielder: std::ptr::null(),
        });
        ThreadId(index)
    }

    /// Who runs next; nobody if the cycle is over.
    fn dispatch(&mut self) -> Option<usize> {
        if self.finding.is_some()
            || self.scheduler.is_given_up()
            || self.scheduler.threads[0].has_ended()
        {
            return None;
        }
        let next = match self.scheduler.next.take() {
            Some(next) => next,
            None => self.idle()?,
        };
        self.scheduler.current = next;
        self.pageable.settle(self.scheduler.current().irql);
        Some(next)
    }

    /// Draws a thread, and lets time pass until there is one.
    fn idle(&mut self) -> Option<usize> {
        loop {
            if let Some((next, own)) = self.scheduler.draw(&mut self.random) {
                if next != own {
                    self.scheduler.take_note(next);
                }
                self.scheduler.decisions += 1;
                return Some(next);
            }
            let Some(deadline) = self.scheduler.next_deadline() else {
                self.report_deadlock();
                return None;
            };
            self.scheduler.time = self.scheduler.time.max(deadline);
            if self.scheduler.time > LONGEST {
                self.report_endless();
                return None;
            }
            self.scheduler.wake_due();
        }
    }

    /// Takes note of a point; whether the current thread must give way.
    fn pass(&mut self) -> bool {
        let scheduler = &mut self.scheduler;
        trap::alive();
        scheduler.points += 1;
        scheduler.time += TICK;
        scheduler.note(scheduler.current as u64 + 1);
        if scheduler.is_given_up() {
            return true;
        }
        if scheduler.points > MOST_POINTS || scheduler.time > LONGEST {
            self.report_endless();
            return true;
        }
        scheduler.wake_due();
        if scheduler.interrupts(&mut self.random) {
            let next = scheduler.draw(&mut self.random).map(|(next, _)| next);
            scheduler.next = next.filter(|&next| next != scheduler.current);
        }
        if let Some(next) = scheduler.next {
            scheduler.take_note(next);
        }
        scheduler.decisions += 1;
        scheduler.next.is_some()
    }

    /// Ends a thread whose fiber is gone.
    fn end(&mut self, id: ThreadId, stack: SimStack) {
        self.stacks.give_back(stack);
        let thread = self.scheduler.thread_mut(id);
        thread.run = Run::Ended;
        thread.frames.clear();
        self.scheduler.wake_all(Waitable::Thread(id));
        self.thread_ended(id);
    }
}

/// A place at which another thread may run.
pub(crate) fn point() {
    if with(State::pass) {
        pause(Pause::Switch);
    }
}

/// Blocks the current thread.
pub(crate) fn block(on: Waitable, until: Option<u64>) -> Woken {
    with(|state| {
        state.trace(|state| format!("waits for {}", state.show_waitable(on)));
        state.scheduler.current_mut().run = Run::Blocked { on, until };
    });
    pause(Pause::Switch);
    with(|state| state.scheduler.current().woken)
}

/// Lets time pass for the current thread.
pub(crate) fn sleep(time: u64) {
    let until = with(|state| state.scheduler.time.saturating_add(time));
    block(Waitable::Nothing, Some(until));
}

/// Ends the current thread, or the cycle if there is a finding.
pub(crate) fn terminate() -> ! {
    pause(Pause::Terminate);
    unreachable!("a thread that has ended does not go on");
}

fn pause(why: Pause) {
    let yielder = with(|state| state.scheduler.current().yielder);
    // SAFETY: `spawn` set it when this thread began, and it lives as long as
    // the thread's stack, on which this runs.
    unsafe { (*yielder).suspend(why) };
}

/// Runs threads until the first has ended or something was found.
pub(crate) fn run(kernel: &Kernel) {
    while let Some(index) = with(State::dispatch) {
        let id = ThreadId(index);
        let fiber = with(|state| state.scheduler.thread_mut(id).fiber.take());
        let mut fiber = fiber.expect("a thread that can run has a fiber");
        let result = trap::guard(&fiber.trap_handler(), || fiber.resume(()));
        match result {
            CoroutineResult::Yield(Pause::Switch) => {
                with(|state| state.scheduler.thread_mut(id).fiber = Some(fiber));
            }
            CoroutineResult::Yield(Pause::Terminate) => {
                let stack = abandon(fiber);
                with(|state| state.end(id, stack));
            }
            CoroutineResult::Return(Outcome::Returned) => {
                let stack = fiber.into_stack();
                with(|state| state.end(id, stack));
            }
            CoroutineResult::Return(Outcome::Fault(fault)) => {
                kernel.release();
                with(|state| {
                    state.report_fault(&fault);
                    state.stacks.give_back(fiber.into_stack());
                });
            }
        }
    }
    with(|state| {
        for thread in &mut state.scheduler.threads {
            if let Some(fiber) = thread.fiber.take() {
                state.stacks.give_back(abandon(fiber));
            }
        }
    });
}

/// Takes the stack of a thread that will not run again.
fn abandon(mut fiber: Fiber) -> SimStack {
    // SAFETY: nothing refers to values on this stack but values on it: what
    // the kernel keeps of a thread lies in its state. Rust values on it, if
    // any, leak.
    unsafe { fiber.force_reset() };
    fiber.into_stack()
}
