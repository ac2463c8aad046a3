// SPDX-License-Identifier: MIT OR Apache-2.0

//! Asynchronous procedure calls (APCs) of kernel mode: those that are queued to each thread, and
//! their delivery.
//!
//! An APC runs on its thread, where that calls the kernel or returns from it, and in its waits for
//! objects and for time, which go on afterwards. Special APCs are delivered below `APC_LEVEL`
//! outside of guarded regions, and before normal ones, which also wait for the end of critical
//! regions, for the release of mutexes, and for the end of a normal APC.
//!
//! Reference: <https://learn.microsoft.com/windows-hardware/drivers/kernel/types-of-apcs>.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;

use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::loader::drivers::{DriverId, Site};
use crate::memory::pageable::set_irql;
use crate::objects::deferred;
use crate::objects::kernel_objects::ObjectKind;
use crate::scheduling::ThreadId;
use crate::scheduling::clocks::Sync;
use crate::verifier::driver_call;
use crate::verifier::locks::LockKind;
use crate::verifier::routine::{EntryState, check_return};
use crate::verifier::stack_objects::{self, Deferred};

/// `KAPC`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apc {
    pub(crate) kind: u8,
    spare: u8,
    size: u8,
    rest: [u8; 5],
    pub(crate) thread: usize,
    list: [usize; 2],
    pub(crate) kernel_routine: usize,
    /// 0 if there is none.
    rundown_routine: usize,
    /// 0 if the APC is a special one.
    pub(crate) normal_routine: usize,
    context: usize,
    pub(crate) arguments: [usize; 2],
    environment: u8,
    mode: u8,
    pub(crate) inserted: u8,
}

const _: () = assert!(size_of::<Apc>() == 0x58);

/// `ApcObject`.
pub(crate) const APC: u8 = 18;

impl Apc {
    /// An APC to a thread that was just initialised.
    pub(crate) const fn new(
        thread: usize,
        environment: u8,
        [kernel_routine, rundown_routine, normal_routine]: [usize; 3],
        context: usize,
    ) -> Self {
        Self {
            kind: APC,
            spare: 0,
            size: size_of::<Self>().to_le_bytes()[0],
            rest: [0; 5],
            thread,
            list: [0; 2],
            kernel_routine,
            rundown_routine,
            normal_routine,
            context,
            arguments: [0; 2],
            environment,
            mode: 0,
            inserted: 0,
        }
    }
}

/// An APC that is queued.
#[derive(Clone, Copy, Debug)]
struct Queued {
    at: usize,
    thread: ThreadId,
    is_special: bool,
}

/// A routine of an APC that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    thread: ThreadId,
    is_normal: bool,
    driver: Option<DriverId>,
    /// The code that has initialised the APC.
    pub(crate) by: Option<Site>,
}

/// The APCs of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Apcs {
    /// In the order in which they were queued.
    queued: Vec<Queued>,
    running: Vec<Running>,
    /// The code that initialised each APC, by address.
    initialized: BTreeMap<usize, Site>,
    /// The threads that are about to end and take no more.
    closed: BTreeSet<usize>,
}

impl Apcs {
    /// The first routine of an APC that runs and is this driver's.
    pub(crate) fn running(&self, driver: DriverId) -> Option<&Running> {
        let mut running = self.running.iter();
        running.find(|it| it.driver == Some(driver))
    }
}

/// Remembers the code that initialises an APC.
pub(crate) fn initialize(state: &mut State, at: usize) {
    if let Some(by) = caller(state) {
        state.objects.apcs.initialized.insert(at, by);
    }
}

/// Queues an APC to a thread. Returns `false` if the thread ends.
pub(crate) fn queue(state: &mut State, at: usize, apc: &Apc, thread: ThreadId) -> bool {
    let is_closed = state.objects.apcs.closed.contains(&thread.0);
    if is_closed || state.scheduling.thread(thread).has_ended() {
        return false;
    }
    let initialized = state.objects.apcs.initialized.get(&at).copied();
    let site = state.loader.drivers.site(apc.kernel_routine);
    let by = initialized.or(site).or_else(|| caller(state));
    if let Some(by) = by {
        state.record_work(by.driver, "a driver with deferred routines");
    }
    state.objects.created.add(at, ObjectKind::Apc, by);
    state.scheduling.release(Sync::Object(at));
    let queued = Queued {
        at,
        thread,
        is_special: apc.normal_routine == 0,
    };
    state.objects.apcs.queued.push(queued);
    if is_due(state, queued) {
        state.scheduling.interrupt_wait(thread);
    }
    true
}

/// Takes an APC out of its queue. Returns `true` if it was there.
pub(crate) fn remove(state: &mut State, at: usize) -> bool {
    let queued = &mut state.objects.apcs.queued;
    let place = queued.iter().position(|it| it.at == at);
    if let Some(place) = place {
        queued.remove(place);
        state.objects.created.remove(at, ObjectKind::Apc);
    }
    place.is_some()
}

/// Returns `true` if an APC can be delivered to its thread as that is.
fn is_due(state: &State, apc: Queued) -> bool {
    let thread = state.scheduling.thread(apc.thread);
    if thread.irql >= APC_LEVEL || thread.is_in_guarded_region() {
        return false;
    }
    let in_normal = || {
        let mut running = state.objects.apcs.running.iter();
        running.any(|it| it.thread == apc.thread && it.is_normal)
    };
    let holds_mutex = || {
        let mut held = state.verifier.locks.of(apc.thread);
        held.any(|held| held.kind == LockKind::Mutex)
    };
    apc.is_special || (thread.regions.is_empty() && !in_normal() && !holds_mutex())
}

/// The APC that is delivered next to the current thread.
fn next(state: &State) -> Option<usize> {
    let queued = &state.objects.apcs.queued;
    if queued.is_empty() {
        return None;
    }
    let me = state.scheduling.current_id();
    let due = |it: &&Queued| it.thread == me && is_due(state, **it);
    let special = queued.iter().filter(due).find(|it| it.is_special);
    special
        .or_else(|| queued.iter().find(due))
        .map(|queued| queued.at)
}

/// Delivers the APCs that are queued to the current thread.
pub(crate) fn deliver() {
    while let Some(at) = with(|state| next(state)) {
        run(at);
    }
}

/// Takes an APC out of its queue, to call a routine of it. Returns what it holds.
fn take(at: usize) -> (Apc, Option<Site>) {
    stack_objects::check_due(at, Deferred::Apc);
    let by = with(|state| {
        remove(state, at);
        state.scheduling.acquire(Sync::Object(at));
        state.objects.apcs.initialized.get(&at).copied()
    });
    let apc = at as *mut Apc;
    // SAFETY: an APC that is queued is resident; one whose memory is gone faults here.
    let taken = unsafe {
        (*apc).inserted = 0;
        apc.read()
    };
    (taken, by)
}

/// Calls a routine of an APC on the current thread.
///
/// # Safety
///
/// The routine takes these arguments.
unsafe fn call(
    what: &'static str,
    (routine, by): (usize, Option<Site>),
    is_normal: bool,
    arguments: &[usize],
) {
    let before = EntryState::now();
    let site = with(|state| {
        let site = state.loader.drivers.site(routine);
        state.objects.apcs.running.push(Running {
            thread: state.scheduling.current_id(),
            is_normal,
            driver: site.map(|site| site.driver),
            by,
        });
        site
    });
    // SAFETY: the arguments are right, by this function's contract.
    unsafe { driver_call::call(what, routine, by, arguments) };
    check_return(what, before, site);
    with(|state| {
        let me = state.scheduling.current_id();
        let running = &mut state.objects.apcs.running;
        let innermost = running.iter().rposition(|it| it.thread == me);
        running.remove(innermost.expect("it was just running"));
    });
}

/// Delivers an APC: its memory is its driver's again once the kernel routine is called.
fn run(at: usize) {
    let (apc, by) = take(at);
    let mut passed = [
        apc.normal_routine,
        apc.context,
        apc.arguments[0],
        apc.arguments[1],
    ];
    let place = (&raw mut passed).addr();
    let place = |index: usize| place + index * size_of::<usize>();
    let arguments = [at, place(0), place(1), place(2), place(3)];
    with(|state| set_irql(state, APC_LEVEL));
    let kernel = (apc.kernel_routine, by);
    // SAFETY: a kernel routine takes these.
    unsafe { call("the kernel routine of an APC", kernel, false, &arguments) };
    with(|state| set_irql(state, PASSIVE_LEVEL));
    // SAFETY: the routine may have written it through the pointers that it was passed.
    let [normal, arguments @ ..] = unsafe { (&raw mut passed).read_volatile() };
    if normal != 0 {
        // SAFETY: a normal routine takes these.
        unsafe {
            call(
                "the normal routine of an APC",
                (normal, by),
                true,
                &arguments,
            );
        };
    }
}

/// The current thread, which a driver has created, is about to end: what is queued to it is
/// delivered before that or, as no document says, run down, if it has a routine for that.
pub(crate) fn end_thread() {
    loop {
        let left = with(|state| {
            let me = state.scheduling.current_id();
            let apcs = &mut state.objects.apcs;
            let first = apcs.queued.iter().find(|it| it.thread == me).copied();
            if first.is_none() {
                apcs.closed.insert(me.0);
            }
            let first = first?;
            let due = next(state);
            let runs_down = state.choices.chance.random_ratio(1, 2);
            Some((due, runs_down, first.at))
        });
        let Some((due, runs_down, first)) = left else {
            return;
        };
        // SAFETY: an APC that is queued is resident; one whose memory is gone faults here.
        let rundown = unsafe { (*(first as *const Apc)).rundown_routine };
        match due {
            _ if runs_down && rundown != 0 => run_down(first),
            Some(due) => run(due),
            None if rundown != 0 => run_down(first),
            None => {
                let what = "a thread ended while an APC was queued to it that could not be \
                            delivered, and that has no rundown routine";
                stop(("0x20", [first, 0, 0, 0]), what.to_owned());
            }
        }
    }
}

/// Calls the rundown routine of an APC that is not delivered.
fn run_down(at: usize) {
    let (apc, by) = take(at);
    let routine = (apc.rundown_routine, by);
    // SAFETY: a rundown routine takes the APC.
    unsafe { call("the rundown routine of an APC", routine, false, &[at]) };
}

/// A thread of the kernel has ended, which stands for one that does other work then: what is queued
/// to it is delivered there.
pub(crate) fn go_on(state: &mut State, ended: ThreadId) {
    let queued = &state.objects.apcs.queued;
    let Some(first) = queued.iter().find(|it| it.thread == ended).copied() else {
        return;
    };
    let by = state.objects.apcs.initialized.get(&first.at).copied();
    let Some(thread) = deferred::defer(state, "APC", by, deliver) else {
        return;
    };
    let queued = state.objects.apcs.queued.iter_mut();
    for apc in queued.filter(|it| it.thread == ended) {
        apc.thread = thread;
    }
}
