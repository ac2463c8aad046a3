// SPDX-License-Identifier: MIT OR Apache-2.0

//! Events and semaphores.

use crate::exports::sync::dispatcher::{
    Header, NOTIFICATION_EVENT, SEMAPHORE, SYNCHRONIZATION_EVENT, begin_object, object, signal,
};
use windows_sys::Win32::Foundation::STATUS_SEMAPHORE_LIMIT_EXCEEDED;

use crate::exports::exceptions::raise;
use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::with;

exports! {
    "KeInitializeEvent" <= DISPATCH_LEVEL => ke_initialize_event: ();
    "KeSetEvent" <= DISPATCH_LEVEL => ke_set_event: i32;
    "KePulseEvent" <= DISPATCH_LEVEL => ke_pulse_event: i32;
    "KeClearEvent" <= DISPATCH_LEVEL => ke_clear_event: ();
    "KeResetEvent" <= DISPATCH_LEVEL => ke_reset_event: i32;
    "KeReadStateEvent" <= DISPATCH_LEVEL => ke_read_state: i32;
    "KeInitializeSemaphore" <= DISPATCH_LEVEL => ke_initialize_semaphore: ();
    "KeReleaseSemaphore" <= DISPATCH_LEVEL => ke_release_semaphore: i32;
    "KeReadStateSemaphore" <= DISPATCH_LEVEL => ke_read_state: i32;
}

/// `KSEMAPHORE`.
#[repr(C)]
struct Semaphore {
    header: Header,
    limit: i32,
}

const _: () = assert!(size_of::<Semaphore>() == 32);

fn event(header: *mut Header) -> *mut Header {
    let kinds = [NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT];
    object(header, &kinds, "an event")
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
    begin_object(header);
    let value = Header::new::<Header>(kind, i32::from(signaled != 0), header);
    // SAFETY: the event is resident and writable, as documented.
    unsafe { header.write(value) };
}

unsafe extern "win64" fn ke_initialize_semaphore(at: *mut Semaphore, count: i32, limit: i32) {
    if count < 0 || limit <= 0 || count > limit {
        let what = format!("a semaphore was initialised with count {count} and limit {limit}");
        stop("0xC4", what);
    }
    begin_object(at.cast());
    let header = Header::new::<Semaphore>(SEMAPHORE, count, at.cast());
    // SAFETY: the semaphore is resident and writable, as documented.
    unsafe { at.write(Semaphore { header, limit }) };
}

/// "If TRUE, the call must be followed immediately by a call to one of the `KeWaitXxx` routines."
pub(super) fn promise_wait(wait: u8, function: &'static str) {
    if wait != 0 {
        with(|state| state.scheduling.current_mut().owes_wait = Some(function));
    }
}

unsafe extern "win64" fn ke_set_event(header: *mut Header, _increment: i32, wait: u8) -> i32 {
    let header = event(header);
    promise_wait(wait, "KeSetEvent");
    // SAFETY: `event` has read it.
    let before = unsafe { std::mem::replace(&mut (*header).state, 1) };
    // SAFETY: as above.
    with(|state| unsafe { signal(state, header) });
    before
}

unsafe extern "win64" fn ke_pulse_event(header: *mut Header, increment: i32, wait: u8) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe {
        let before = ke_set_event(header, increment, wait);
        ke_reset_event(header);
        before
    }
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
    wait: u8,
) -> i32 {
    object(at.cast(), &[SEMAPHORE], "a semaphore");
    promise_wait(wait, "KeReleaseSemaphore");
    // SAFETY: `object` has read it.
    let (before, limit) = unsafe { ((*at).header.state, (*at).limit) };
    match before.checked_add(adjustment) {
        Some(after) if adjustment > 0 && after <= limit => with(|state| {
            // SAFETY: as above.
            unsafe {
                (*at).header.state = after;
                signal(state, at.cast());
            }
        }),
        _ => {
            let what = format!(
                "a semaphore with count {before} and limit {limit} was released by {adjustment}"
            );
            raise(STATUS_SEMAPHORE_LIMIT_EXCEEDED, what);
        }
    }
    before
}
