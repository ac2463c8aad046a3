// SPDX-License-Identifier: MIT OR Apache-2.0

//! Dispatcher objects, and waiting for them.
//!
//! An object lives in the driver's memory with the layout of `DISPATCHER_HEADER`;
//! who waits for it is known to the scheduler. What a signal grants is handed to
//! a waiter before that runs.

use std::ffi::c_void;

use rand::RngExt;
use windows_sys::Win32::Foundation::{
    STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, STATUS_TIMEOUT,
};

use crate::analysis::deadlock;
use crate::exports::execution::time;
use crate::exports::exports;
use crate::exports::files::devices;
use crate::exports::sync::event_handles;
use crate::findings::caller;
use crate::findings::{stop, unsupported};
use crate::hardware::irql::{self, DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::objects::apcs;
use crate::objects::handles::Object;
use crate::scheduling::clocks::Sync;
use crate::scheduling::{ThreadId, Waitable, Woken, block_interruptibly};
use crate::verifier::locks::{self, HeldLock, LockKind, Mode};
use crate::verifier::promises;
use crate::verifier::stack_objects;

exports! {
    "KeWaitForSingleObject" <= DISPATCH_LEVEL => ke_wait_for_single_object: i32;
    "KeWaitForMutexObject" <= DISPATCH_LEVEL => ke_wait_for_single_object: i32;
    "KeWaitForMultipleObjects" <= DISPATCH_LEVEL => ke_wait_for_multiple_objects: i32;
    "ZwWaitForSingleObject" <= PASSIVE_LEVEL => zw_wait_for_single_object: i32;
}

pub(in crate::exports) const NOTIFICATION_EVENT: u8 = 0;
pub(in crate::exports) const SYNCHRONIZATION_EVENT: u8 = 1;
pub(in crate::exports) const MUTEX: u8 = 2;
pub(in crate::exports) const SEMAPHORE: u8 = 5;
const THREAD: u8 = 6;
pub(in crate::exports) const NOTIFICATION_TIMER: u8 = 8;
pub(in crate::exports) const SYNCHRONIZATION_TIMER: u8 = 9;

/// `DISPATCHER_HEADER`.
#[repr(C)]
pub(in crate::exports) struct Header {
    kind: u8,
    signalling: u8,
    /// Of the whole object, in units of four bytes.
    size: u8,
    reserved: u8,
    pub(in crate::exports) state: i32,
    waiters: [*mut c_void; 2],
}

/// `KMUTANT`.
#[repr(C)]
pub(in crate::exports) struct Mutant {
    pub(in crate::exports) header: Header,
    list: [*mut c_void; 2],
    owner: *mut c_void,
    abandoned: u8,
    apc_disable: u8,
}

const _: () = assert!(size_of::<Header>() == 24 && size_of::<Mutant>() == 56);

impl Header {
    pub(in crate::exports) fn new<T>(kind: u8, state: i32, at: *mut Self) -> Self {
        let list = at
            .wrapping_byte_add(std::mem::offset_of!(Self, waiters))
            .cast();
        Self {
            kind,
            signalling: 0,
            size: u8::try_from(size_of::<T>() / 4).expect("objects are small"),
            reserved: 0,
            state,
            waiters: [list, list],
        }
    }
}

/// An object that was initialised.
pub(in crate::exports) fn object(header: *mut Header, kinds: &[u8], what: &str) -> *mut Header {
    stack_objects::check_use(header.addr(), what);
    // SAFETY: the object is resident, as documented for every function here.
    let (kind, size) = unsafe { ((*header).kind, (*header).size) };
    if size == 0 || !kinds.contains(&kind) {
        let at = with(|state| deadlock::show_waitable(state, Waitable::Object(header.addr())));
        stop(
            "0xC4",
            format!("{at} is used as {what}, but was not initialised as one"),
        );
    }
    header
}

/// How many bytes the object of a thread takes.
pub(in crate::exports) const THREAD_SIZE: usize = size_of::<Header>();

/// Makes the object of a thread that runs.
pub(in crate::exports) fn initialize_thread(address: usize) {
    let header = address as *mut Header;
    // SAFETY: the caller has allocated it for this.
    unsafe { header.write(Header::new::<Header>(THREAD, 0, header)) };
}

/// Signals the object of a thread that has ended.
pub(in crate::exports) fn signal_thread(state: &mut State, address: usize) {
    let header = address as *mut Header;
    // SAFETY: the thread still refers to its object.
    unsafe {
        (*header).state = 1;
        signal(state, header);
    }
}

/// Prepares for the initialisation of an object, for which nobody may wait.
pub(in crate::exports) fn begin_object(header: *mut Header) {
    let on = Waitable::Object(header.addr());
    if with(|state| !state.scheduling.waiters(on).is_empty()) {
        stop(
            "0xC4",
            "an object was initialised while a thread waits for it".to_owned(),
        );
    }
    require_resident(header.addr());
    with(|state| stack_objects::add(state, header.addr()));
}

/// Ends the cycle if an object that the kernel uses at `DISPATCH_LEVEL` lies in memory that
/// may be paged out.
pub(in crate::exports) fn require_resident(address: usize) {
    if with(|state| state.memory.pageable.contains(address)) {
        let what = "an object was initialised in memory that may be paged out: the kernel uses it \
                    at DISPATCH_LEVEL";
        let code = ("0xA", [address, usize::from(DISPATCH_LEVEL), 0, 0]);
        stop(code, what.to_owned());
    }
}

/// Satisfies the waits for an object that its state allows, in any order:
/// Windows guarantees none.
///
/// # Safety
///
/// The object is valid.
pub(in crate::exports) unsafe fn signal(state: &mut State, header: *mut Header) {
    let on = Waitable::Object(header.addr());
    state.scheduling.release(Sync::Object(header.addr()));
    loop {
        // SAFETY: the object is valid, by this function's contract.
        if unsafe { (*header).state } <= 0 {
            return;
        }
        let mut waiters = state.scheduling.waiters(on);
        waiters.retain(|id| !state.scheduling.thread(*id).wants_all);
        if waiters.is_empty() {
            break;
        }
        let lucky = waiters[state.choices.chance.random_range(0..waiters.len())];
        // SAFETY: the object is valid, by this function's contract.
        unsafe { take(state, header, lucky) };
        state.scheduling.thread_mut(lucky).woken_by = header.addr();
        state.scheduling.wake(lucky, Woken::Satisfied);
    }
    // Who wants more than this object looks for itself.
    state.scheduling.wake_all(on);
}

/// Takes the signal of an event away.
///
/// # Safety
///
/// The object is valid.
pub(in crate::exports) const unsafe fn reset(header: *mut Header) {
    // SAFETY: the object is valid, by this function's contract.
    unsafe { (*header).state = 0 };
}

/// Takes what a wait takes from an object that is signaled.
///
/// # Safety
///
/// The object is valid.
unsafe fn take(state: &mut State, header: *mut Header, thread: ThreadId) {
    // SAFETY: the object is valid, by this function's contract.
    let object = unsafe { &mut *header };
    match object.kind {
        SYNCHRONIZATION_EVENT | SYNCHRONIZATION_TIMER | SEMAPHORE => object.state -= 1,
        MUTEX => {
            object.state -= 1;
            let by = state.scheduling.thread(thread).frames.last();
            let by = by.and_then(|frame| caller::origin(state, frame));
            state.verifier.locks.push(HeldLock {
                address: header.addr(),
                kind: LockKind::Mutex,
                mode: Mode::Exclusive,
                thread,
                by,
            });
        }
        _ => {}
    }
}

/// Returns `true` if a wait of the current thread for an object would end at
/// once.
///
/// # Safety
///
/// The object is valid.
unsafe fn is_free(state: &State, header: *mut Header) -> bool {
    // SAFETY: the object is valid, by this function's contract.
    let object = unsafe { &*header };
    let me = state.scheduling.current_id();
    let owned = || {
        let mut holders = state.verifier.locks.holders(header.addr());
        holders.any(|held| held.thread == me)
    };
    object.state > 0 || (object.kind == MUTEX && owned())
}

unsafe extern "win64" fn ke_wait_for_single_object(
    header: *mut Header,
    _reason: i32,
    mode: i8,
    _alertable: u8,
    timeout: *const i64,
) -> i32 {
    with(promises::wait);
    require_stack(mode, &[header]);
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { wait(&[header], false, timeout) }
}

unsafe extern "win64" fn ke_wait_for_multiple_objects(
    count: u32,
    objects: *const *mut Header,
    kind: i32,
    _reason: i32,
    mode: i8,
    _alertable: u8,
    timeout: *const i64,
    blocks: *mut c_void,
) -> i32 {
    /// `THREAD_WAIT_OBJECTS`: what a thread has wait blocks of its own for.
    const OWN_BLOCKS: u32 = 3;
    /// `MAXIMUM_WAIT_OBJECTS`.
    const MOST: u32 = 64;

    if count == 0 || count > MOST || (count > OWN_BLOCKS && blocks.is_null()) {
        let what = format!("a wait for {count} objects without room for as many wait blocks");
        stop("0xC", what);
    }
    // SAFETY: the array has `count` entries, as documented.
    let objects = unsafe { std::slice::from_raw_parts(objects, count as usize) };
    require_stack(mode, objects);
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { wait(objects, kind == 0, timeout) }
}

/// "If the `WaitMode` parameter is `UserMode`, the kernel stack can be swapped out during the
/// wait": no object of such a wait lies on it.
fn require_stack(mode: i8, objects: &[*mut Header]) {
    /// `UserMode`.
    const USER: i8 = 1;

    let lies_on_stack = |&header: &*mut Header| {
        with(|state| {
            let owner = state.scheduling.owner_of_stack(header.addr());
            owner.is_some_and(|it| std::ptr::eq(it, state.scheduling.current()))
        })
    };
    if mode == USER && objects.iter().any(lies_on_stack) {
        let what = "waits with UserMode for an object on its stack, which may be swapped out \
                    meanwhile";
        stop("0xC4", what.to_owned());
    }
}

unsafe extern "win64" fn zw_wait_for_single_object(
    handle: usize,
    _alertable: u8,
    timeout: *const i64,
) -> i32 {
    let object = with(|state| state.objects.handles.get(handle).cloned());
    match object {
        // SAFETY: the handle keeps the thread's object; the timeout is null or
        // readable, as documented.
        Some(Object::Thread(address)) => unsafe { wait(&[address as *mut Header], false, timeout) },
        // SAFETY: the timeout is null or readable, as documented.
        Some(Object::Event { address, .. }) => unsafe { event_handles::wait(address, timeout) },
        // SAFETY: the timeout is null or readable, as documented.
        Some(Object::DeviceFile { file, .. }) => unsafe { devices::wait(file, timeout) },
        Some(Object::Process(_)) => unsupported("waits for the end of a process"),
        Some(_) => STATUS_OBJECT_TYPE_MISMATCH,
        None => STATUS_INVALID_HANDLE,
    }
}

/// Waits for one or all of some objects. Returns which one it was.
///
/// # Safety
///
/// The objects are resident; the timeout is null or readable.
pub(in crate::exports) unsafe fn wait(
    objects: &[*mut Header],
    all: bool,
    timeout: *const i64,
) -> i32 {
    // SAFETY: the timeout is null or readable, by this function's contract.
    let timeout = (!timeout.is_null()).then(|| unsafe { timeout.read() });
    let level = with(|state| state.scheduling.current().irql);
    if level >= DISPATCH_LEVEL && timeout != Some(0) {
        let at = irql::name(level);
        let number = if timeout.is_none() { 0x121 } else { 0x122 };
        let code = ("0xC4", [number, 0, objects[0].addr(), 0]);
        stop(code, format!("a wait would block at {at}"));
    }
    for &header in objects {
        check(header);
    }
    let mut until = None;
    loop {
        // SAFETY: `check` has read the objects.
        if let Some(index) = with(|state| unsafe { take_now(state, objects, all) }) {
            return STATUS_SUCCESS + index;
        }
        until = match timeout {
            Some(0) => return STATUS_TIMEOUT,
            Some(interval) => {
                until.or_else(|| Some(with(|state| state.scheduling.now()) + time::until(interval)))
            }
            None => None,
        };
        forbid_waiting_for_oneself(objects);
        with(|state| {
            let current = state.scheduling.current_mut();
            current.also = objects[1..].iter().map(|header| header.addr()).collect();
            current.wants_all = all;
        });
        let woken = block_interruptibly(Waitable::Object(objects[0].addr()), until);
        let by = with(|state| {
            let current = state.scheduling.current_mut();
            current.also.clear();
            current.wants_all = false;
            current.woken_by
        });
        match woken {
            Woken::TimedOut => return STATUS_TIMEOUT,
            Woken::Interrupted => apcs::deliver(),
            Woken::Satisfied if all => {}
            Woken::Satisfied => {
                let index = objects.iter().position(|header| header.addr() == by);
                return STATUS_SUCCESS + position(index.unwrap_or(0));
            }
        }
    }
}

fn position(index: usize) -> i32 {
    i32::try_from(index).expect("there are at most 64 objects")
}

/// What can be waited for, by this thread.
fn check(header: *mut Header) {
    let kinds = [
        NOTIFICATION_EVENT,
        SYNCHRONIZATION_EVENT,
        MUTEX,
        SEMAPHORE,
        THREAD,
        NOTIFICATION_TIMER,
        SYNCHRONIZATION_TIMER,
    ];
    let header = object(header, &kinds, "something to wait for");
    // SAFETY: `object` has read it.
    if unsafe { (*header).kind } == MUTEX {
        locks::check_order(header.addr(), LockKind::Mutex);
    }
}

/// Takes one or all of the objects, if that needs no wait. Returns which.
///
/// # Safety
///
/// The objects are valid.
unsafe fn take_now(state: &mut State, objects: &[*mut Header], all: bool) -> Option<i32> {
    // SAFETY: the objects are valid, by this function's contract.
    let free = |header: &*mut Header| unsafe { is_free(state, *header) };
    let first = objects.iter().position(free)?;
    if all && !objects.iter().all(free) {
        return None;
    }
    let me = state.scheduling.current_id();
    let taken = if all {
        objects
    } else {
        &objects[first..=first]
    };
    for &header in taken {
        // SAFETY: the objects are valid, by this function's contract.
        unsafe { take(state, header, me) };
        state.scheduling.acquire(Sync::Object(header.addr()));
    }
    Some(if all { 0 } else { position(first) })
}

fn forbid_waiting_for_oneself(objects: &[*mut Header]) {
    let own = with(|state| state.scheduling.current().object);
    if objects.iter().any(|header| header.addr() == own) {
        stop("deadlock", "a thread waits for its own end".to_owned());
    }
}
