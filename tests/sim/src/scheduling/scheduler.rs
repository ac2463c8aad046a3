// SPDX-License-Identifier: MIT OR Apache-2.0

//! Simulated threads and time.
//!
//! Threads are stackful coroutines on one OS thread. The thread that runs next is
//! drawn from the cycle's seed at every [`point`]: at the beginning and the end of each call
//! between modules, and in some cycles at each atomic instruction and at drawn accesses to
//! shared memory. At a point a thread is occasionally held back while others run. Time
//! advances a little at each point, and jumps to the next timer when all threads wait.
//!
//! There are one to four simulated processors, and in a few cycles up to 64. A thread at
//! `DISPATCH_LEVEL` or above keeps its processor; other threads run on the remaining
//! processors, and are blocked only if there is none.
//!
//! A thread that spins in a loop without a call ([`spin`]) lets the others run. It polls
//! again when another thread has run. If none can run, time passes in growing steps, and the
//! thread polls after each; if it still spins after ten minutes, that is a hang.
//!
//! # Limits
//!
//! Code between two points is atomic.

mod broadcast;
mod lifetimes;
mod processors;
mod spinning;
mod waiting;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::hardware::irql::DISPATCH_LEVEL;
use crate::hardware::stack::{self, Stacks, watched};
use crate::hardware::trap::{self, SpinCause};
use crate::scheduling::clocks::{Clocks, Sync};
use crate::scheduling::schedule::{self, Schedule};
use crate::scheduling::strategy::{Chooser, Strategy};
use crate::scheduling::system_clock::{self, SystemClock, Timer};
use crate::scheduling::thread::{RunState, Thread, ThreadId, Waitable, Woken};
use processors::Processors;

pub(crate) use lifetimes::abandon;
pub(crate) use waiting::{
    block, block_interruptibly, give_way, join, point, point_in_code, preempt, sleep, spin,
    terminate,
};

/// Time passes in units of 100 ns, as Windows counts it.
pub(crate) const MICROSECOND: u64 = 10;
/// What passes at each point.
const TICK: u64 = 5;
/// The maximum number of points between two steps of the script, which take about a second of real
/// time: with more, the cycle is taken not to end.
const MOST_POINTS: u64 = 2_000_000;
/// The number of points after [`LONG`] at which a cycle is also taken not to end.
const MANY_POINTS: u64 = 300_000;
pub(crate) const SECOND: u64 = 1_000_000 * MICROSECOND;
/// A simulated time in which a cycle ends that does more than to wait: half an hour. The
/// service control manager of Windows gives up an unload after 30 seconds.
const LONG: u64 = 30 * 60 * SECOND;
/// The longest simulated time of a cycle, a day: time that passes while all threads wait
/// costs nothing, but a cycle in which only a timer runs must end.
const LONGEST: u64 = 24 * 60 * 60 * SECOND;
/// The time from which on waits end with the system clock, as they do on Windows; before,
/// they end on time. It lets little happen while a driver waits for long.
const FINE: u64 = SECOND / 10;
/// What passes before a thread that spins looks for the first time at what no other
/// thread can change; it doubles each time.
const FIRST_LOOK: u64 = MICROSECOND;
/// How long a thread may spin, ten minutes: one that still waits then hangs.
const MOST_SPIN: u64 = 600 * SECOND;

/// All threads of a cycle, those that have ended included.
pub(crate) struct Scheduler {
    threads: Vec<Thread>,
    /// What orders what they do.
    pub(crate) clocks: Clocks,
    /// Those that have not ended, in ascending order: a cycle may have few at a time and
    /// very many in all.
    live: Vec<usize>,
    time: u64,
    /// No thread waits for a time before this one.
    earliest: u64,
    /// What [`draw`](Self::draw) chooses from; kept for its memory.
    ready: Vec<usize>,
    /// Differs whenever another course was taken.
    digest: u64,
    current: usize,
    /// The thread that was drawn at the last point.
    next: Option<usize>,
    points: u64,
    /// The number of points passed at the last step of the script.
    points_at_step: u64,
    /// The number of times that a thread may have changed memory which another thread polls.
    changes: u64,
    /// The number of consecutive polls of spinning threads while no other thread could run.
    looks: u32,
    /// The number of points after which the cycle is given up.
    patience: Option<u64>,
    wait_objects: u32,
    stacks: Stacks,
    /// The source of the schedule.
    random: ChaCha8Rng,
    /// `true` if the cycle takes too many points or too long.
    endless: bool,
    /// `true` if the current thread has spun for too long.
    hangs: bool,
    chooser: Chooser,
    /// The schedule to keep to instead, if any.
    plan: Option<Schedule>,
    /// The schedule that is taken.
    taken: Schedule,
    /// Where the schedule could not be kept to, in words.
    unfollowed: Option<String>,
    decisions: u64,
    processors: Processors,
    /// The threads that handle an interrupt of all processors. No other thread runs.
    broadcast: Option<Vec<usize>>,
    system_clock: SystemClock,
    guard: Guard,
    /// `true` if something was written below the frames of a thread that does not run.
    overwritten: bool,
}

impl Scheduler {
    pub(crate) fn new(
        strategy: Strategy,
        stacks: Stacks,
        mut random: ChaCha8Rng,
        processors: ChaCha8Rng,
        system_clock: SystemClock,
    ) -> Self {
        let chooser = Chooser::new(strategy, &mut random);
        let usual = [1, 2, 2, 4][random.random_range(0..4)];
        let processors = Processors::new(usual, processors);
        Self {
            threads: Vec::new(),
            clocks: Clocks::default(),
            live: Vec::new(),
            time: 0,
            earliest: u64::MAX,
            ready: Vec::new(),
            digest: 0,
            current: 0,
            next: None,
            points: 0,
            points_at_step: 0,
            changes: 0,
            looks: 0,
            patience: None,
            wait_objects: 0,
            stacks,
            random,
            endless: false,
            hangs: false,
            chooser,
            plan: None,
            taken: Schedule::default(),
            unfollowed: None,
            decisions: 0,
            processors,
            broadcast: None,
            system_clock,
            guard: Guard::None,
            overwritten: false,
        }
    }

    /// The time since the cycle began.
    pub(crate) const fn now(&self) -> u64 {
        self.time
    }

    /// The time that the current thread reads. The more often it has read the clock since
    /// it last waited, the more time passes: a loop that spins until a time has come ends.
    pub(crate) fn read_clock(&mut self) -> u64 {
        /// Each read takes at most as many microseconds.
        const MOST: u64 = 10_000;
        let thread = self.current_mut();
        thread.clock_reads = MOST.min(thread.clock_reads + 1);
        let takes = thread.clock_reads * MICROSECOND;
        self.pass_time(takes);
        self.time
    }

    /// The time of the last update of the interrupt time and of the system time.
    pub(crate) const fn last_update(&self, now: u64) -> u64 {
        self.system_clock.last_update(now)
    }

    /// The system time at a time of the cycle.
    pub(crate) fn system_time(&self, now: u64) -> u64 {
        self.system_clock.system_time(now)
    }

    /// How long it takes until a time that a driver gave has come: an interval if it is
    /// negative, or else a system time.
    pub(crate) fn wait_until(&mut self, due: i64, timer: Timer) -> u64 {
        self.system_clock.wait(due, self.time, timer)
    }

    /// Lets time pass while the current thread runs.
    pub(crate) fn pass_time(&mut self, time: u64) {
        self.time += time;
        self.current_mut().spend(time);
    }

    /// What the current thread has done so far is released to `to`.
    pub(crate) fn release(&mut self, to: Sync) {
        self.clocks.release(self.current_id(), to);
    }

    /// What was released to `from` is ordered before what the current thread does next.
    pub(crate) fn acquire(&mut self, from: Sync) {
        self.clocks.acquire(self.current_id(), from);
    }

    /// All threads, in the order of creation.
    pub(crate) fn threads(&self) -> &[Thread] {
        &self.threads
    }

    /// The threads that have not ended, with their numbers.
    fn live(&self) -> impl Iterator<Item = (usize, &Thread)> {
        self.live.iter().map(|&index| (index, &self.threads[index]))
    }

    /// Gives the cycle up after this many points, as if nothing were found.
    pub(crate) const fn set_patience(&mut self, points: Option<u64>) {
        self.patience = points;
    }

    /// Guards the stacks of threads that do not run.
    pub(crate) fn set_guard(&mut self, guard: Guard) {
        self.guard = guard;
        watched::watch(guard == Guard::Watch);
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

    /// The number of a new wait object.
    pub(crate) const fn new_wait_object(&mut self) -> u32 {
        self.wait_objects += 1;
        self.wait_objects
    }

    /// Records something in the digest of the course.
    pub(crate) fn note(&mut self, what: u64) {
        const PRIME: u64 = 0x0000_0100_0000_01B3;
        self.digest = (self.digest ^ what).wrapping_mul(PRIME).rotate_left(7);
    }

    /// The threads that wait for `what`, in the order of creation.
    pub(crate) fn waiters(&self, what: Waitable) -> Vec<ThreadId> {
        self.live()
            .filter(|(_, thread)| thread.waits_for(what))
            .map(|(index, _)| ThreadId(index))
            .collect()
    }

    /// Ends a thread's wait, if it waits.
    pub(crate) fn wake(&mut self, id: ThreadId, woken: Woken) {
        if woken == Woken::Satisfied {
            self.clocks.hand_over(self.current_id(), id);
        }
        let thread = self.thread_mut(id);
        if matches!(thread.run, RunState::Blocked { .. }) {
            thread.run = RunState::Ready;
            thread.woken = woken;
        }
    }

    /// Lets a thread handle an APC, if it waits where it can.
    pub(crate) fn interrupt_wait(&mut self, id: ThreadId) {
        if self.thread(id).is_interruptible {
            self.wake(id, Woken::Interrupted);
        }
    }

    /// Ends the wait of all that wait for `what`.
    pub(crate) fn wake_all(&mut self, what: Waitable) {
        for &index in &self.live {
            let thread = &mut self.threads[index];
            if !thread.waits_for(what) {
                continue;
            }
            if let Waitable::Object(address) = what {
                thread.woken_by = address;
            }
            thread.run = RunState::Ready;
            thread.woken = Woken::Satisfied;
        }
    }

    /// The number of points passed since the last step of the script.
    pub(crate) const fn points_since_step(&self) -> u64 {
        self.points - self.points_at_step
    }

    /// Returns `true` if the cycle has taken more points or time than one that ends.
    const fn takes_too_long(&self) -> bool {
        let points = self.points_since_step();
        points > MOST_POINTS || self.time > LONGEST || (points > MANY_POINTS && self.time > LONG)
    }

    fn is_given_up(&self) -> bool {
        self.patience.is_some_and(|most| self.points > most)
    }

    /// When a wait until `until` is over.
    const fn expiry(&self, until: u64) -> u64 {
        if self.time < FINE || until <= self.time {
            return until;
        }
        until.next_multiple_of(system_clock::PERIOD)
    }

    fn wake_due(&mut self) {
        if self.time < self.earliest {
            return;
        }
        self.earliest = u64::MAX;
        for &index in &self.live {
            let thread = &mut self.threads[index];
            let RunState::Blocked {
                until: Some(until), ..
            } = thread.run
            else {
                continue;
            };
            if until <= self.time {
                thread.run = RunState::Ready;
                thread.woken = Woken::TimedOut;
            } else {
                self.earliest = self.earliest.min(until);
            }
        }
    }

    /// Lets the current thread wait.
    fn begin_wait(&mut self, on: Waitable, until: Option<u64>) {
        let until = until.map(|until| self.expiry(until));
        self.earliest = self.earliest.min(until.unwrap_or(u64::MAX));
        let thread = self.current_mut();
        thread.clock_reads = 0;
        thread.run = RunState::Blocked { on, until };
    }

    fn next_deadline(&self) -> Option<u64> {
        self.live()
            .filter_map(|(_, thread)| match thread.run {
                RunState::Blocked { until, .. } => until,
                _ => None,
            })
            .min()
    }

    /// The schedule that is taken has `next` go on at this decision.
    fn record(&mut self, next: usize) {
        self.taken.put(self.decisions, next);
    }

    /// Keeps to a schedule from now on.
    pub(crate) fn keep_to(&mut self, plan: Schedule) {
        self.plan = Some(plan);
    }

    /// Returns `true` if the thread that runs may be switched at this point.
    fn interrupts(&mut self) -> bool {
        match &self.plan {
            Some(plan) => plan.at(self.decisions).is_some(),
            None => self.chooser.interrupts(self.current, &mut self.random),
        }
    }

    /// Draws one of the threads that can run. Returns it, and the thread that
    /// would run without a choice.
    fn draw(&mut self) -> Option<(usize, usize)> {
        let mut all = std::mem::take(&mut self.ready);
        all.clear();
        let any = self.has_processor();
        let ready = |index: usize, thread: &Thread| {
            matches!(thread.run, RunState::Ready)
                && self.broadcast.as_ref().is_none_or(|it| it.contains(&index))
                && (thread.irql >= DISPATCH_LEVEL || (any && !self.is_kept_out(index, thread)))
                && thread.spinning.is_none_or(|spinning| {
                    let changed = spinning.looked < self.changes;
                    spinning.may_look || (spinning.spin.cause == SpinCause::Looks && changed)
                })
        };
        let live = self.live().filter(|(index, thread)| ready(*index, thread));
        all.extend(live.map(|(index, _)| index));
        let drawn = self.draw_from(&all);
        self.ready = all;
        drawn
    }

    fn draw_from(&mut self, ready: &[usize]) -> Option<(usize, usize)> {
        let own = schedule::by_itself(ready, self.current)?;
        let next = match &self.plan {
            Some(plan) => {
                let planned = plan.at(self.decisions);
                if let Some(thread) = planned.filter(|thread| !ready.contains(thread)) {
                    let what = || schedule::not_ready(self.decisions, thread, ready);
                    self.unfollowed.get_or_insert_with(what);
                }
                planned
                    .filter(|thread| ready.contains(thread))
                    .unwrap_or(own)
            }
            None => self.chooser.choose(ready, self.current, &mut self.random)?,
        };
        Some((next, own))
    }
}

impl Scheduler {
    /// Chooses the thread that runs next, and makes it the current one.
    pub(crate) fn dispatch(&mut self) -> Next {
        if self.is_given_up() || self.threads[0].has_ended() {
            return Next::Over;
        }
        if self.hangs {
            return Next::Hang;
        }
        if self.endless {
            return Next::Endless;
        }
        let next = match self.next.take() {
            Some(next) => next,
            None => match self.idle() {
                Ok(next) => next,
                Err(end) => return end,
            },
        };
        self.current = next;
        // The thread that takes the steps of the cycle.
        if next == 0 {
            self.points_at_step = self.points;
        }
        stack::set_current(self.current().stack);
        watched::show(self.current().stack);
        if self.guard == Guard::Sum && self.current().is_overwritten() {
            self.overwritten = true;
            return Next::Over;
        }
        if self.current().spinning.is_none() {
            self.change();
        }
        Next::Thread(ThreadId(next))
    }

    /// Draws a thread, and lets time pass until there is one.
    fn idle(&mut self) -> Result<usize, Next> {
        loop {
            if let Some((next, own)) = self.draw() {
                if next != own {
                    self.record(next);
                }
                self.decisions += 1;
                return Ok(next);
            }
            let deadline = self.next_deadline().filter(|_| !self.has_overdue_spin());
            match deadline {
                Some(deadline) => self.time = self.time.max(deadline),
                None => self.look_again()?,
            }
            if self.time > LONGEST {
                return Err(Next::Endless);
            }
            self.wake_due();
        }
    }

    /// Now and then holds the current thread back, which is at a breakpoint.
    fn delay(&mut self) {
        if self.plan.is_none() {
            self.chooser.delay(self.current, &mut self.random);
        }
    }

    /// Counts a point. Returns `true` if the current thread must yield.
    fn pass(&mut self) -> bool {
        trap::alive();
        self.points += 1;
        self.time += TICK;
        self.note(self.current as u64 + 1);
        let thread = self.current_mut();
        thread.spend(TICK);
        if thread.spinning.take().is_some() {
            self.change();
        }
        if self.is_given_up() {
            return true;
        }
        if self.takes_too_long() {
            self.endless = true;
            return true;
        }
        self.wake_due();
        if self.interrupts() {
            let next = self.draw().map(|(next, _)| next);
            self.next = next.filter(|&next| next != self.current);
        }
        if let Some(next) = self.next {
            self.record(next);
        }
        self.decisions += 1;
        self.next.is_some()
    }

    /// The stacks of the threads.
    pub(crate) const fn stacks(&self) -> &Stacks {
        &self.stacks
    }

    /// What the schedule came to, when the cycle is over.
    pub(crate) fn into_result(mut self) -> Scheduled {
        self.stacks.reset();
        let not_reached = || {
            let (decision, thread) = self.plan.as_ref()?.first_from(self.decisions)?;
            Some(schedule::not_reached(decision, thread, self.decisions))
        };
        Scheduled {
            unfollowed: self.unfollowed.clone().or_else(not_reached),
            digest: self.digest,
            points: self.points,
            taken: self.taken,
            overwritten: self.overwritten,
            stacks: self.stacks,
        }
    }
}

/// What a schedule came to.
pub(crate) struct Scheduled {
    /// Differs whenever another course was taken.
    pub(crate) digest: u64,
    /// The number of points that were passed.
    pub(crate) points: u64,
    /// The schedule that was taken.
    pub(crate) taken: Schedule,
    /// Where the schedule could not be kept to, in words.
    pub(crate) unfollowed: Option<String>,
    /// `true` if something was written below the frames of a thread that did not run:
    /// the cycle was given up.
    pub(crate) overwritten: bool,
    /// The stacks, for the next cycle.
    pub(crate) stacks: Stacks,
}

/// What happens next in a cycle.
pub(crate) enum Next {
    /// This thread runs.
    Thread(ThreadId),
    /// The cycle is over.
    Over,
    /// No thread can run, and none waits for time to pass.
    Deadlock,
    /// The cycle does not end, although threads run.
    Endless,
    /// The current thread has spun for too long.
    Hang,
}

/// How the stacks of threads that do not run are guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Not at all.
    None,
    /// A thread goes on only if nothing was written below its frames.
    Sum,
    /// An access below its frames is an exception.
    Watch,
}
