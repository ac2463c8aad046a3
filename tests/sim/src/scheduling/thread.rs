// SPDX-License-Identifier: MIT OR Apache-2.0

//! A simulated thread: a coroutine, its IRQL, its calls, and the object for which it waits.

use corosensei::{Coroutine, Yielder};

use crate::hardware::irql::{DISPATCH_LEVEL, Irql, PASSIVE_LEVEL};
use crate::hardware::stack::{SimStack, watched};
use crate::hardware::trap::{Exception, Spin, ThreadEnd};
use crate::loader::drivers::{DriverId, Site};
use crate::scheduling::clocks::Sync;
use crate::scheduling::frame::Frame;
use crate::scheduling::routine::Routine;

/// The length of a kernel stack of Windows on x64: 24 KB.
pub(crate) const KERNEL_STACK: usize = 24 << 10;

/// A region in which APCs are disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    Critical,
    Guarded,
}

impl Region {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Critical => "a critical region",
            Self::Guarded => "a guarded region",
        }
    }
}

/// A region that a thread is in, and who has entered it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnteredRegion {
    pub(crate) region: Region,
    pub(crate) by: Option<Site>,
}

/// Why a thread gives way.
#[derive(Debug)]
pub(crate) enum Pause {
    /// To go on later.
    Switch,
    /// For good.
    Terminate,
}

pub(crate) type Fiber = Coroutine<(), Pause, ThreadEnd, SimStack>;

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
    /// The end of a deregistration: a wait object of the registrar.
    Deregistration(u32),
    /// The end of a thread.
    Thread(ThreadId),
    /// The return of a routine that the kernel calls on this thread.
    Routine(ThreadId),
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
    /// It goes on once an APC was delivered.
    Interrupted,
}

/// Whether a thread can run.
#[derive(Debug)]
pub(in crate::scheduling) enum RunState {
    Ready,
    Blocked { on: Waitable, until: Option<u64> },
    Ended,
}

/// A thread that found nothing changed when it looked last.
#[derive(Clone, Copy, Debug)]
pub(in crate::scheduling) struct Spinning {
    pub(in crate::scheduling) spin: Spin,
    /// How many changes there had been by then; it looks again after another.
    pub(in crate::scheduling) looked: u64,
    /// When it began.
    pub(in crate::scheduling) began: u64,
    /// When it looked last.
    pub(in crate::scheduling) since: u64,
    /// It may look again though no other thread has run.
    pub(in crate::scheduling) may_look: bool,
    /// How many times in succession it was led here because of its accesses.
    pub(in crate::scheduling) counted: u32,
}

/// A process to which a thread is attached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attachment {
    /// The address of its object.
    pub(crate) process: usize,
    /// The address of the `KAPC_STATE` that was passed.
    pub(crate) saved: usize,
    /// The code that has attached the thread.
    pub(crate) by: Option<Site>,
}

/// An extended processor state that a thread has saved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SavedState {
    /// The address of the `XSTATE_SAVE` that was passed.
    pub(crate) place: usize,
    /// The IRQL at which it was saved.
    pub(crate) irql: Irql,
    /// The code that has saved it.
    pub(crate) by: Option<Site>,
}

/// A simulated thread.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they do not depend on each other"
)]
pub(crate) struct Thread {
    pub(crate) name: String,
    /// The driver that created it.
    pub(crate) driver: Option<DriverId>,
    /// The address of its stack.
    pub(in crate::scheduling) stack: usize,
    /// The code for which the kernel has made it, if it is the kernel's own.
    pub(crate) made_by: Option<Site>,
    /// The routines of drivers that the kernel calls on it, the innermost last.
    pub(crate) routines: Vec<Routine>,
    pub(crate) irql: Irql,
    /// The processor that it was on when it asked last, and keeps at `DISPATCH_LEVEL`.
    pub(in crate::scheduling) processor: Option<usize>,
    /// The mask of the processors that it may run on; 0 if these are all.
    pub(in crate::scheduling) affinity: u64,
    /// The calls between modules that are under way, the innermost last.
    pub(crate) frames: Vec<Frame>,
    /// `xmm6` to `xmm15` at each of these calls, if handlers of exceptions may need them.
    pub(crate) vectors: Vec<[u128; 10]>,
    /// The address of its `KTHREAD`, 0 if it has none yet.
    pub(crate) object: usize,
    /// The function that it has called with `Wait` set, which a wait must follow at once.
    pub(crate) owes_wait: Option<&'static str>,
    /// What is ordered behind its end.
    pub(crate) ends_before: Sync,
    /// `true` if a driver created it, and may end it.
    pub(crate) is_drivers: bool,
    /// The difference between the thread's priority and the usual one, which has no effect.
    pub(crate) priority: i32,
    /// The critical and guarded regions that the thread is in, in that order.
    pub(crate) regions: Vec<EnteredRegion>,
    /// `true` if an APC can interrupt its wait.
    pub(in crate::scheduling) is_interruptible: bool,
    /// The processes that it is attached to, the last one last.
    pub(crate) attached: Vec<Attachment>,
    /// The extended processor states that the thread has saved, in that order.
    pub(crate) saved: Vec<SavedState>,
    /// How many bytes of its stack drivers may use.
    pub(crate) stack_room: usize,
    /// `true` if it gives way in driver code, and not in a call.
    pub(in crate::scheduling) in_code: bool,
    /// Below its last frame when it gave way.
    pub(in crate::scheduling) gives_way_at: usize,
    /// The sum of what lay below the frames of its drivers then, if these are known.
    sum: Option<u64>,
    /// How much of its own time has passed since it came to `DISPATCH_LEVEL`.
    pub(crate) at_dispatch: u64,
    /// The number of times that the thread has read the clock since it last waited.
    pub(in crate::scheduling) clock_reads: u64,
    /// The other objects for which the thread waits.
    pub(crate) also: Vec<usize>,
    /// `true` if it waits for all of them at once.
    pub(crate) wants_all: bool,
    /// Which object ended its wait.
    pub(crate) woken_by: usize,
    pub(in crate::scheduling) run: RunState,
    pub(in crate::scheduling) woken: Woken,
    /// The loop that it spins in, since it called nobody.
    pub(in crate::scheduling) spinning: Option<Spinning>,
    pub(in crate::scheduling) fiber: Option<Fiber>,
    pub(in crate::scheduling) yielder: *const Yielder<(), Pause>,
}

impl Thread {
    /// A thread that has not run yet.
    pub(in crate::scheduling) const fn new(
        name: String,
        driver: Option<DriverId>,
        stack: usize,
        fiber: Fiber,
    ) -> Self {
        Self {
            name,
            driver,
            stack,
            made_by: None,
            routines: Vec::new(),
            irql: PASSIVE_LEVEL,
            processor: None,
            owes_wait: None,
            ends_before: Sync::Ended,
            affinity: 0,
            frames: Vec::new(),
            vectors: Vec::new(),
            object: 0,
            is_drivers: false,
            priority: 0,
            regions: Vec::new(),
            is_interruptible: false,
            attached: Vec::new(),
            saved: Vec::new(),
            stack_room: KERNEL_STACK,
            in_code: false,
            gives_way_at: 0,
            sum: None,
            at_dispatch: 0,
            clock_reads: 0,
            also: Vec::new(),
            wants_all: false,
            woken_by: 0,
            run: RunState::Ready,
            woken: Woken::Satisfied,
            spinning: None,
            fiber: Some(fiber),
            yielder: std::ptr::null(),
        }
    }

    /// The code that named the routine that the kernel calls on it, or that it waits to
    /// call; or else the driver that it belongs to.
    pub(crate) fn responsible(&self) -> Option<Site> {
        let named = self.routines.iter().rev().find_map(|routine| routine.by);
        let driver = self.driver.map(|driver| Site {
            driver,
            offset: None,
        });
        named.or(self.made_by).or(driver)
    }

    /// How many bytes of its stack the frames of drivers take at its innermost call.
    pub(crate) fn stack_used(&self) -> usize {
        let Some(routine) = self.routines.last() else {
            return 0;
        };
        let inner = self.frames.get(routine.depth..).and_then(<[Frame]>::last);
        inner.map_or(routine.outer, |frame| routine.used(frame.registers.rsp()))
    }

    /// Where the frames of its drivers end, if it is in a call: what lies below belongs to
    /// functions that have returned.
    pub(in crate::scheduling) fn end_of_frames(&self) -> Option<usize> {
        let frame = self.frames.last().filter(|_| !self.in_code)?;
        Some(frame.registers.rsp())
    }

    /// Remembers what lies below the frames of its drivers while it does not run.
    pub(in crate::scheduling) fn sum_up(&mut self) {
        let end = self.end_of_frames();
        self.sum = end.map(|end| watched::sum(self.gives_way_at, end));
    }

    /// Returns `true` if something was written there since: the thread cannot go on.
    pub(in crate::scheduling) fn is_overwritten(&self) -> bool {
        let Some((sum, end)) = self.sum.zip(self.end_of_frames()) else {
            return false;
        };
        sum != watched::sum(self.gives_way_at, end)
    }

    /// Goes to another IRQL.
    pub(crate) const fn set_irql(&mut self, irql: Irql) {
        if (self.irql < DISPATCH_LEVEL) != (irql < DISPATCH_LEVEL) {
            // It may have moved in between.
            self.processor = None;
            self.at_dispatch = 0;
        }
        self.irql = irql;
    }

    /// Lets time of its own pass.
    pub(in crate::scheduling) const fn spend(&mut self, time: u64) {
        if self.irql >= DISPATCH_LEVEL {
            self.at_dispatch += time;
        }
    }

    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.run, RunState::Ended)
    }

    /// Returns `true` if no APC reaches it, whatever its IRQL.
    pub(crate) fn is_in_guarded_region(&self) -> bool {
        let mut regions = self.regions.iter();
        regions.any(|it| it.region == Region::Guarded)
    }

    pub(in crate::scheduling) fn waits_for(&self, what: Waitable) -> bool {
        let RunState::Blocked { on, .. } = self.run else {
            return false;
        };
        on == what || matches!(what, Waitable::Object(address) if self.also.contains(&address))
    }

    /// Returns `true` if it keeps a processor.
    pub(in crate::scheduling) const fn is_pinned(&self) -> bool {
        self.irql >= DISPATCH_LEVEL && !self.has_ended()
    }

    /// Where it spins, if it does.
    pub(crate) fn spins_at(&self) -> Option<Exception> {
        self.spinning.map(|spinning| spinning.spin.at)
    }

    /// The object of its wait, whether or not the wait has a timeout.
    pub(crate) const fn waits_on(&self) -> Option<Waitable> {
        match self.run {
            RunState::Blocked { on, .. } => Some(on),
            _ => None,
        }
    }

    /// When its wait ends by itself, if it waits with a timeout.
    pub(crate) const fn wakes_at(&self) -> Option<u64> {
        match self.run {
            RunState::Blocked { until, .. } => until,
            _ => None,
        }
    }

    /// The object of its wait, if the wait has no timeout.
    pub(crate) fn blocked_on(&self) -> Option<Waitable> {
        match self.run {
            RunState::Blocked { on, until: None } => Some(on),
            _ => None,
        }
    }
}
