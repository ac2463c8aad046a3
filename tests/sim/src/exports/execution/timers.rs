// SPDX-License-Identifier: MIT OR Apache-2.0

//! Timers, with and without a DPC.

use std::ffi::c_void;
use std::ptr;

use rand::RngExt;

use crate::exports::execution::dpcs::{self, Dpc};
use crate::exports::execution::time;
use crate::exports::exports;
use crate::exports::sync::dispatcher::{
    Header, NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER, begin_object, object, signal,
};
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::memory::pageable::set_irql;
use crate::objects::deferred;
use crate::objects::kernel_objects::ObjectKind;
use crate::scheduling::clocks::Sync;
use crate::scheduling::system_clock::PERIOD;
use crate::scheduling::{MICROSECOND, Waitable, Woken, block, point, sleep};
use crate::verifier::faults::{self, FaultKind};
use crate::verifier::stack_objects::{self, Deferred};

exports! {
    "KeInitializeTimer" <= DISPATCH_LEVEL => ke_initialize_timer: ();
    "KeInitializeTimerEx" <= DISPATCH_LEVEL => ke_initialize_timer_ex: ();
    "KeSetTimer" <= DISPATCH_LEVEL => ke_set_timer: u8;
    "KeSetTimerEx" <= DISPATCH_LEVEL => ke_set_timer_ex: u8;
    "KeSetCoalescableTimer" <= DISPATCH_LEVEL => ke_set_coalescable_timer: u8;
    "KeCancelTimer" <= DISPATCH_LEVEL => ke_cancel_timer: u8;
    "KeReadStateTimer" <= DISPATCH_LEVEL => ke_read_state_timer: u8;
    "ExAllocateTimer" <= DISPATCH_LEVEL => ex_allocate_timer: usize;
    "ExSetTimer" <= DISPATCH_LEVEL => ex_set_timer: u8;
    "ExCancelTimer" <= DISPATCH_LEVEL => ex_cancel_timer: u8;
    "ExDeleteTimer" <= DISPATCH_LEVEL => ex_delete_timer: u8;
}

/// `KTIMER`.
#[repr(C)]
struct Timer {
    header: Header,
    due: u64,
    list: [usize; 2],
    dpc: *mut Dpc,
    processor: u32,
    /// In milliseconds; 0 if it fires once.
    period: u32,
}

const _: () = assert!(size_of::<Timer>() == 0x40);

/// Units of time in a millisecond.
const MILLISECOND: u64 = 1000 * MICROSECOND;

fn timer(at: *mut Timer) -> *mut Timer {
    object(
        at.cast(),
        &[NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER],
        "a timer",
    );
    at
}

fn is_set(at: usize) -> bool {
    with(|state| state.objects.created.is(at, ObjectKind::Timer))
}

unsafe extern "win64" fn ke_initialize_timer(at: *mut Timer) {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { ke_initialize_timer_ex(at, 0) };
}

unsafe extern "win64" fn ke_initialize_timer_ex(at: *mut Timer, kind: i32) {
    if is_set(at.addr()) {
        stop("0xC7", "a timer was initialised while it is set".to_owned());
    }
    begin_object(at.cast());
    let kind = if kind == 0 {
        NOTIFICATION_TIMER
    } else {
        SYNCHRONIZATION_TIMER
    };
    let fresh = Timer {
        header: Header::new::<Timer>(kind, 0, at.cast()),
        due: 0,
        list: [0; 2],
        dpc: ptr::null_mut(),
        processor: 0,
        period: 0,
    };
    // SAFETY: the timer is resident and writable, as documented.
    unsafe { at.write(fresh) };
}

unsafe extern "win64" fn ke_set_timer(at: *mut Timer, due: i64, dpc: *mut Dpc) -> u8 {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { ke_set_timer_ex(at, due, 0, dpc) }
}

unsafe extern "win64" fn ke_set_coalescable_timer(
    at: *mut Timer,
    due: i64,
    period: u32,
    _tolerable: u32,
    dpc: *mut Dpc,
) -> u8 {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { ke_set_timer_ex(at, due, period, dpc) }
}

unsafe extern "win64" fn ke_set_timer_ex(
    at: *mut Timer,
    due: i64,
    period: u32,
    dpc: *mut Dpc,
) -> u8 {
    let at = timer(at);
    let was_set = with(|state| disarm(state, at.addr()));
    let wait = time::until(due);
    // SAFETY: `timer` has read it.
    unsafe {
        (*at).header.state = 0;
        (*at).dpc = dpc;
        (*at).period = period;
    }
    let every = milliseconds(period);
    with(|state| {
        let first = state.scheduling.now() + wait;
        // SAFETY: `run_timer` fires the timer only while it is armed.
        let fire = move || unsafe { fire(at) };
        arm(state, at.addr(), ObjectKind::Timer, move || {
            run_timer(at.addr(), first, every, fire);
        });
    });
    u8::from(was_set)
}

unsafe extern "win64" fn ke_cancel_timer(at: *mut Timer) -> u8 {
    let at = timer(at);
    expire_early(at.addr());
    u8::from(with(|state| disarm(state, at.addr())))
}

unsafe extern "win64" fn ke_read_state_timer(at: *mut Timer) -> u8 {
    // SAFETY: `timer` has read it.
    u8::from(unsafe { (*timer(at)).header.state } != 0)
}

/// Milliseconds as units of 100 ns.
pub(crate) fn milliseconds(count: u32) -> u64 {
    u64::from(count) * MILLISECOND
}

/// Sets a timer of the driver framework, which calls `fire` after `wait` and then
/// `every` so often. Returns `true` if it was set before.
pub(crate) fn set(at: usize, wait: u64, every: u64, fire: impl Fn() + 'static) -> bool {
    let was_set = clear(at);
    with(|state| {
        let first = state.scheduling.now() + wait;
        arm(state, at, ObjectKind::ExTimer, move || {
            run_timer(at, first, every, fire);
        });
    });
    was_set
}

/// Takes a timer of the driver framework off the clock. Returns `true` if it was on it.
pub(crate) fn clear(at: usize) -> bool {
    with(|state| disarm(state, at))
}

fn arm(state: &mut State, at: usize, kind: ObjectKind, body: impl FnOnce() + 'static) {
    let by = caller(state);
    if let Some(thread) = deferred::defer(state, "timer", by, body) {
        state.scheduling.thread_mut(thread).ends_before = Sync::Unwaited;
        state.objects.deferred.timers.insert(at, thread);
        if kind == ObjectKind::Timer {
            state.objects.created.add(at, kind, by);
        }
    }
}

/// Takes a timer off the clock. Returns `true` if it was on it.
fn disarm(state: &mut State, at: usize) -> bool {
    state.objects.created.remove(at, ObjectKind::Timer);
    let thread = state.objects.deferred.timers.remove(&at);
    if let Some(thread) = thread {
        state.scheduling.wake(thread, Woken::Satisfied);
    }
    thread.is_some()
}

/// A timer that is about to be cancelled may expire at this very moment, as its interval may
/// end early by a tick of the clock: what it leads to has begun then.
fn expire_early(at: usize) {
    /// One in `SHARE` timers that are due soon.
    const SHARE: u32 = 4;
    /// The points in which its thread finds a processor, or does not.
    const MOST: usize = 64;

    let expires = with(|state| {
        let thread = *state.objects.deferred.timers.get(&at)?;
        let due = state.scheduling.thread(thread).wakes_at()?;
        let is_near = due.saturating_sub(state.scheduling.now()) <= PERIOD;
        (is_near && state.choices.chance.random_ratio(1, SHARE)).then(|| {
            state.objects.deferred.early.insert(at);
            state.scheduling.wake(thread, Woken::Satisfied);
        })
    });
    let is_left = || with(|state| state.objects.deferred.early.contains(&at));
    for _ in 0..MOST {
        if expires.is_none() || !is_left() {
            break;
        }
        point();
    }
    with(|state| state.objects.deferred.early.remove(&at));
}

/// The life of a timer that was set.
fn run_timer(at: usize, first: u64, every: u64, fire: impl Fn()) {
    let is_mine = |state: &State| {
        state.objects.deferred.timers.get(&at) == Some(&state.scheduling.current_id())
    };
    let mut due = first;
    loop {
        if with(|state| is_mine(state) && state.scheduling.now() < due) {
            block(Waitable::Nothing, Some(due));
        }
        if !with(|state| is_mine(state)) {
            return;
        }
        with(|state| state.objects.deferred.early.remove(&at));
        if every == 0 {
            with(|state| {
                state.objects.created.remove(at, ObjectKind::Timer);
                state.objects.deferred.timers.remove(&at);
            });
        }
        fire();
        if every == 0 {
            return;
        }
        due += every;
    }
}

/// Signals a timer that is due, and queues its DPC.
///
/// # Safety
///
/// The timer was set; if its memory is gone, that is the driver's fault.
unsafe fn fire(at: *mut Timer) {
    stack_objects::check_due(at.addr(), Deferred::Timer);
    // SAFETY: the timer was set; if its memory is gone, that is the driver's
    // fault, by this function's contract.
    let dpc = unsafe {
        (*at).header.state = 1;
        (*at).dpc
    };
    // SAFETY: the timer was set; if its memory is gone, that is the driver's
    // fault, by this function's contract.
    with(|state| unsafe { signal(state, at.cast()) });
    if !dpc.is_null() {
        // SAFETY: the DPC of a timer that is set is resident, as documented.
        unsafe { dpcs::queue(dpc, [ptr::null_mut(); 2]) };
    }
}

const TAG: u32 = u32::from_le_bytes(*b"ExTm");

/// What `ExAllocateTimer` makes.
#[repr(C)]
struct ExTimer {
    header: Header,
    callback: usize,
    context: *mut c_void,
}

unsafe extern "win64" fn ex_allocate_timer(
    callback: usize,
    context: *mut c_void,
    attributes: u32,
) -> usize {
    /// `EX_TIMER_NOTIFICATION`.
    const NOTIFICATION: u32 = 1 << 31;
    if with(|state| faults::fails(state, FaultKind::Allocation)) {
        return 0;
    }
    let allocated = with(|state| {
        let by = caller(state);
        let at = state
            .memory
            .pool
            .allocate(size_of::<ExTimer>(), TAG, true, None)?;
        state.objects.created.add(at, ObjectKind::ExTimer, by);
        Some(at)
    });
    let Some(at) = allocated else { return 0 };
    let kind = if attributes & NOTIFICATION != 0 {
        NOTIFICATION_TIMER
    } else {
        SYNCHRONIZATION_TIMER
    };
    let pointer = at as *mut ExTimer;
    // SAFETY: it was just allocated for this.
    unsafe {
        pointer.write(ExTimer {
            header: Header::new::<ExTimer>(kind, 0, pointer.cast()),
            callback,
            context,
        });
    }
    at
}

fn ex_timer(at: usize) -> *mut ExTimer {
    if !with(|state| state.objects.created.is(at, ObjectKind::ExTimer)) {
        stop("0xC7", format!("{at:#x} is used as a timer, and is none"));
    }
    at as *mut ExTimer
}

unsafe extern "win64" fn ex_set_timer(
    at: usize,
    due: i64,
    period: i64,
    _parameters: *const c_void,
) -> u8 {
    let timer = ex_timer(at);
    let was_set = with(|state| disarm(state, at));
    let wait = time::until(due);
    // SAFETY: `ex_timer` knows it.
    unsafe { (*timer).header.state = 0 };
    with(|state| {
        let first = state.scheduling.now() + wait;
        let fire = move || fire_ex(timer);
        arm(state, at, ObjectKind::ExTimer, move || {
            run_timer(at, first, period.unsigned_abs(), fire);
        });
    });
    u8::from(was_set)
}

fn fire_ex(timer: *mut ExTimer) {
    // SAFETY: a timer that is armed has not been deleted.
    let (callback, context) = unsafe {
        (*timer).header.state = 1;
        ((*timer).callback, (*timer).context)
    };
    // SAFETY: a timer that is armed has not been deleted.
    with(|state| unsafe { signal(state, timer.cast()) });
    if callback == 0 {
        return;
    }
    let by = with(|state| {
        let me = state.scheduling.current_id();
        state.objects.deferred.firing.insert(timer.addr(), me);
        set_irql(state, DISPATCH_LEVEL);
        state.objects.created.creator(timer.addr())
    });
    let routine = deferred::Routine {
        what: "a timer callback",
        named: "the callback of a timer",
        address: callback,
        by,
    };
    // SAFETY: the callback of a timer takes these.
    unsafe { deferred::run(routine, &[timer.addr(), context.addr()]) };
    with(|state| {
        state.objects.deferred.firing.remove(&timer.addr());
        set_irql(state, PASSIVE_LEVEL);
    });
}

unsafe extern "win64" fn ex_cancel_timer(at: usize, _parameters: *const c_void) -> u8 {
    ex_timer(at);
    expire_early(at);
    u8::from(with(|state| disarm(state, at)))
}

unsafe extern "win64" fn ex_delete_timer(
    at: usize,
    cancel: u8,
    wait: u8,
    _parameters: *const c_void,
) -> u8 {
    ex_timer(at);
    let level = with(|state| state.scheduling.current().irql);
    if wait != 0 && (cancel == 0 || level > APC_LEVEL) {
        let what = "ExDeleteTimer was asked to wait without cancelling, or above APC_LEVEL";
        stop("0xC4", what.to_owned());
    }
    expire_early(at);
    let cancelled = with(|state| disarm(state, at));
    while wait != 0 && with(|state| state.objects.deferred.firing.contains_key(&at)) {
        sleep(MICROSECOND);
    }
    with(|state| {
        if wait != 0 {
            state.scheduling.acquire(Sync::Unwaited);
        }
        state.objects.created.remove(at, ObjectKind::ExTimer);
        let freed = state.memory.pool.free(at, 0, None);
        debug_assert!(freed.is_ok());
    });
    u8::from(cancelled)
}
