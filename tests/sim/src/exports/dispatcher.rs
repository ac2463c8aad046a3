// SPDX-License-Identifier: MIT OR Apache-2.0

//! Dispatcher objects: events and semaphores, and waiting for them.
//!
//! An object lives in the driver's memory with the layout of `DISPATCHER_HEADER`;
//! who waits for it is known to the scheduler.

use std::ffi::c_void;

use rand::RngExt;
use windows_sys::Win32::Foundation::{
    STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, STATUS_TIMEOUT,
};

use super::{exports, time};
use crate::findings::stop;
use crate::handles::Object;
use crate::irql::{self, DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::scheduler::{ThreadId, Waitable, Woken, block};

exports! {
    "KeInitializeEvent" <= DISPATCH_LEVEL => ke_initialize_event: ();
    "KeSetEvent" <= DISPATCH_LEVEL => ke_set_event: i32;
    "KeClearEvent" <= DISPATCH_LEVEL => ke_clear_event: ();
    "KeResetEvent" <= DISPATCH_LEVEL => ke_reset_event: i32;
    "KeReadStateEvent" <= DISPATCH_LEVEL => ke_read_state: i32;
    "KeInitializeSemaphore" <= DISPATCH_LEVEL => ke_initialize_semaphore: ();
    "KeReleaseSemaphore" <= DISPATCH_LEVEL => ke_release_semaphore: i32;
    "KeReadStateSemaphore" <= DISPATCH_LEVEL => ke_read_state: i32;
    "KeWaitForSingleObject" <= DISPATCH_LEVEL => ke_wait_for_single_object: i32;
    "ZwWaitForSingleObject" <= PASSIVE_LEVEL => zw_wait_for_single_object: i32;
}

const NOTIFICATION_EVENT: u8 = 0;
const SYNCHRONIZATION_EVENT: u8 = 1;
const SEMAPHORE: u8 = 5;
const THREAD: u8 = 6;

/// `DISPATCHER_HEADER`.
#[repr(C)]
struct Header {
    kind: u8,
    signalling: u8,
    /// Of the whole object, in units of four bytes.
    size: u8,
    reserved: u8,
    state: i32,
    waiters: [*mut c_void; 2],
}

/// `KSEMAPHORE`.
#[repr(C)]
struct Semaphore {
    header: Header,
    limit: i32,
}

const _: () = assert!(size_of::<Header>() == 24 && size_of::<Semaphore>() == 32);

impl Header {
    fn new<T>(kind: u8, state: i32, at: *mut Self) -> Self {
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
fn object(header: *mut Header, kinds: &[u8], what: &str) -> *mut Header {
    // SAFETY: the object is resident, says the contract of every function here.
    let (kind, size) = unsafe { ((*header).kind, (*header).size) };
    if size == 0 || !kinds.contains(&kind) {
        let at = with(|state| state.show_waitable(Waitable::Object(header.addr())));
        stop(
            "0xC4",
            format!("{at} is used as {what}, but was not initialised as one"),
        );
    }
    header
}

fn event(header: *mut Header) -> *mut Header {
    object(
        header,
        &[NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT],
        "an event",
    )
}

/// How many bytes the object of a thread takes.
pub(super) const THREAD_SIZE: usize = size_of::<Header>();

/// Makes the object of a thread that runs.
pub(super) fn initialize_thread(address: usize) {
    let header = address as *mut Header;
    // SAFETY: the caller has allocated it for this.
    unsafe { header.write(Header::new::<Header>(THREAD, 0, header)) };
}

/// Signals the object of a thread that has ended.
pub(super) fn signal_thread(state: &mut State, address: usize) {
    let header = address as *mut Header;
    // SAFETY: the thread still refers to its object.
    unsafe { (*header).state = 1 };
    state.scheduler.wake_all(Waitable::Object(address));
}

unsafe extern "win64" fn ke_initialize_event(header: *mut Header, kind: i32, signaled: u8) {
    let kind = match kind {
        0 => NOTIFICATION_EVENT,
        1 => SYNCHRONIZATION_EVENT,
        other => stop(
            "0xC4",
            format!("an event was initialised with type {other}"),
        ),
    };
    forbid_waiters(header);
    let value = Header::new::<Header>(kind, i32::from(signaled != 0), header);
    // SAFETY: the event is resident and writable, says the contract.
    unsafe { header.write(value) };
}

unsafe extern "win64" fn ke_initialize_semaphore(at: *mut Semaphore, count: i32, limit: i32) {
    if count < 0 || limit <= 0 || count > limit {
        let what = format!("a semaphore was initialised with count {count} and limit {limit}");
        stop("0xC4", what);
    }
    forbid_waiters(at.cast());
    let header = Header::new::<Semaphore>(SEMAPHORE, count, at.cast());
    // SAFETY: the semaphore is resident and writable, says the contract.
    unsafe { at.write(Semaphore { header, limit }) };
}

/// An object that someone waits for must not be initialised again.
fn forbid_waiters(header: *mut Header) {
    let on = Waitable::Object(header.addr());
    if with(|state| !state.scheduler.waiters(on).is_empty()) {
        stop(
            "0xC4",
            "an object was initialised while a thread waits for it".to_owned(),
        );
    }
}

unsafe extern "win64" fn ke_set_event(header: *mut Header, _increment: i32, _wait: u8) -> i32 {
    let header = event(header);
    with(|state| {
        // SAFETY: `event` has read it.
        let event = unsafe { &mut *header };
        let before = event.state;
        let on = Waitable::Object(header.addr());
        if event.kind == NOTIFICATION_EVENT {
            event.state = 1;
            state.scheduler.wake_all(on);
        } else {
            event.state = i32::from(!state.wake_one(on));
        }
        before
    })
}

unsafe extern "win64" fn ke_reset_event(header: *mut Header) -> i32 {
    // SAFETY: `event` has read it.
    let event = unsafe { &mut *event(header) };
    std::mem::replace(&mut event.state, 0)
}

unsafe extern "win64" fn ke_clear_event(header: *mut Header) {
    // SAFETY: as for `ke_reset_event`.
    unsafe { ke_reset_event(header) };
}

unsafe extern "win64" fn ke_read_state(header: *mut Header) -> i32 {
    let kinds = [NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT, SEMAPHORE];
    // SAFETY: `object` has read it.
    unsafe { (*object(header, &kinds, "an event or a semaphore")).state }
}

unsafe extern "win64" fn ke_release_semaphore(
    at: *mut Semaphore,
    _increment: i32,
    adjustment: i32,
    _wait: u8,
) -> i32 {
    object(at.cast(), &[SEMAPHORE], "a semaphore");
    // SAFETY: `object` has read it.
    let (before, limit) = unsafe { ((*at).header.state, (*at).limit) };
    match before.checked_add(adjustment) {
        Some(after) if adjustment > 0 && after <= limit => with(|state| {
            let mut left = after;
            while left > 0 && state.wake_one(Waitable::Object(at.addr())) {
                left -= 1;
            }
            // SAFETY: as above.
            unsafe { (*at).header.state = left };
        }),
        _ => {
            let what = format!(
                "a semaphore with count {before} and limit {limit} was released by {adjustment}"
            );
            stop("0x1E", what);
        }
    }
    before
}

unsafe extern "win64" fn ke_wait_for_single_object(
    header: *mut Header,
    _reason: i32,
    _mode: i8,
    _alertable: u8,
    timeout: *const i64,
) -> i32 {
    // SAFETY: the caller's own promises.
    unsafe { wait(header, timeout) }
}

unsafe extern "win64" fn zw_wait_for_single_object(
    handle: usize,
    _alertable: u8,
    timeout: *const i64,
) -> i32 {
    let object = with(|state| state.handles.get(handle).cloned());
    match object {
        // SAFETY: the handle keeps the thread's object; the timeout is the
        // caller's promise.
        Some(Object::Thread(address)) => unsafe { wait(address as *mut Header, timeout) },
        Some(Object::Key(_)) => STATUS_OBJECT_TYPE_MISMATCH,
        None => STATUS_INVALID_HANDLE,
    }
}

/// Waits for an object.
///
/// # Safety
///
/// The object is resident; the timeout is null or readable.
unsafe fn wait(header: *mut Header, timeout: *const i64) -> i32 {
    // SAFETY: the timeout is null or readable, says the caller.
    let timeout = (!timeout.is_null()).then(|| unsafe { timeout.read() });
    let level = with(|state| state.scheduler.current().irql);
    if level >= DISPATCH_LEVEL && timeout != Some(0) {
        let at = irql::name(level);
        stop("0xA", format!("a wait would block at {at}"));
    }
    let kinds = [NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT, SEMAPHORE, THREAD];
    let header = object(header, &kinds, "something to wait for");
    // SAFETY: `object` has read it.
    if unsafe { acquire(header) } {
        return STATUS_SUCCESS;
    }
    let until = match timeout {
        Some(0) => return STATUS_TIMEOUT,
        Some(interval) => Some(with(|state| state.scheduler.time) + time::until(interval)),
        None => None,
    };
    forbid_waiting_for_oneself(header);
    match block(Waitable::Object(header.addr()), until) {
        Woken::Satisfied => STATUS_SUCCESS,
        Woken::TimedOut => STATUS_TIMEOUT,
    }
}

/// Takes what a wait takes from an object that is signaled.
///
/// # Safety
///
/// The object is valid.
unsafe fn acquire(header: *mut Header) -> bool {
    // SAFETY: the caller's promise.
    let object = unsafe { &mut *header };
    let signaled = object.state > 0;
    if signaled && matches!(object.kind, SYNCHRONIZATION_EVENT | SEMAPHORE) {
        object.state -= 1;
    }
    signaled
}

fn forbid_waiting_for_oneself(header: *mut Header) {
    if with(|state| state.scheduler.current().object == header.addr()) {
        stop("deadlock", "a thread waits for its own end".to_owned());
    }
}

impl State {
    /// Wakes one of those who wait for `on`: any, because the order in which
    /// Windows does is no promise.
    fn wake_one(&mut self, on: Waitable) -> bool {
        let waiters: Vec<ThreadId> = self.scheduler.waiters(on);
        if waiters.is_empty() {
            return false;
        }
        let lucky = self.random.random_range(0..waiters.len());
        self.scheduler.wake(waiters[lucky], Woken::Satisfied);
        true
    }
}
