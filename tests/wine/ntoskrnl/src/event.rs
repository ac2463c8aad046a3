// SPDX-License-Identifier: MIT OR Apache-2.0

//! Events that do not need Wine's server.
//!
//! For each wait Wine creates an object in its server, with at least three round trips, and
//! may lose a synchronization event that is set while a waiter wakes. Here an event is one
//! word, and only a thread that must block enters the host's kernel.
//!
//! # Limits
//!
//! Wine's kernel does not know such an event, so that it cannot be the event of an IRP.
//! `SignalState` stays 0.

use core::arch::naked_asm;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::level::check_wait;
use crate::original::{
    GetSystemTimeAsFileTime, KeWaitForMultipleObjects, RtlWaitOnAddress, RtlWakeAddressAll,
};
use crate::report::bug_check;
use crate::several;

pub(crate) const STATUS_SUCCESS: i32 = 0;
pub(crate) const STATUS_TIMEOUT: i32 = 0x102;

/// Marks a header as that of an event made here.
const MARK: u32 = 0x4B45_5600;
const NOTIFICATION: u32 = 0;
pub(crate) const WAIT_ANY: i32 = 1;

/// The event is set.
const SET: u64 = 1;
/// A waiting thread.
const WAITER: u64 = 1 << 1;
const WAITERS: u64 = (1 << 32) - WAITER;
/// A thread whose wait is satisfied, but which has not woken yet.
const RELEASED: u64 = 1 << 32;

/// A `KEVENT`.
#[repr(C)]
pub(crate) struct Event {
    /// [`MARK`] and the type.
    header: u32,
    signal_state: i32,
    /// [`SET`], and the numbers of [`WAITER`]s and [`RELEASED`] threads. After its last
    /// change the event is not accessed any more: a waiter may free it.
    word: AtomicU64,
    unused: u64,
}

const _: () = assert!(size_of::<Event>() == 24);

impl Event {
    /// # Safety
    ///
    /// `event` is the memory of an event that outlives the borrow.
    unsafe fn of<'a>(event: *mut Self, caller: usize) -> &'a Self {
        /// `DRIVER_VERIFIER_DETECTED_VIOLATION`.
        const VERIFIER: u32 = 0xC4;
        // SAFETY: by the contract of this function `event` is the memory of an event.
        let known = unsafe { &*event };
        if !known.is_marked() {
            let what = format_args!("an event is used that was not initialised");
            bug_check(VERIFIER, [0, event.addr(), 0, 0], caller, what);
        }
        known
    }

    pub(crate) const fn is_marked(&self) -> bool {
        self.header & !0xFF == MARK
    }

    /// Sets the event, and returns its old state.
    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> Result<u64, u64> {
        self.word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
    }

    fn is_notification(&self) -> bool {
        self.header == MARK | NOTIFICATION
    }

    fn set(&self) -> bool {
        let notification = self.is_notification();
        let address = &raw const self.word;
        let old = self.change(|word| {
            let waiters = (word & WAITERS) / WAITER;
            Some(match (notification, waiters) {
                (true, _) => ((word & !WAITERS) + waiters * RELEASED) | SET,
                (false, 0) => word | SET,
                (false, _) => word - WAITER + RELEASED,
            })
        });
        let old = old.unwrap_or_else(|word| word);
        if old & WAITERS != 0 {
            // SAFETY: the address only identifies the waiters; it is not accessed.
            unsafe { RtlWakeAddressAll(address.cast()) };
        }
        several::tell();
        old & SET != 0
    }

    /// Consumes the signal, as a satisfied wait does. Returns `true` if it was set.
    pub(crate) fn take(&self) -> bool {
        let notification = self.is_notification();
        let take = |word: u64| match word & SET {
            0 => None,
            _ if notification => Some(word),
            _ => Some(word - SET),
        };
        self.change(take).is_ok()
    }

    /// Undoes a [`take`](Self::take).
    pub(crate) fn give_back(&self) {
        if !self.is_notification() {
            self.set();
        }
    }

    fn reset(&self) -> bool {
        self.word.fetch_and(!SET, Ordering::AcqRel) & SET != 0
    }

    /// Waits. Returns `true` if the event was set before the `deadline`, if there is one.
    fn wait(&self, deadline: Option<i64>) -> bool {
        let notification = self.is_notification();
        let enter = |word: u64| match word & SET {
            0 => Some(word + WAITER),
            _ if notification => None,
            _ => Some(word - SET),
        };
        match self.change(enter) {
            Ok(word) if word & SET == 0 => {}
            _ => return true,
        }
        let leave = |word: u64| (word >= RELEASED).then(|| word - RELEASED);
        loop {
            let Err(seen) = self.change(leave) else {
                return true;
            };
            let deadline = deadline.as_ref().map_or(ptr::null(), |it| it);
            // SAFETY: both words outlive the call.
            let status = unsafe {
                RtlWaitOnAddress(
                    (&raw const self.word).cast(),
                    (&raw const seen).cast(),
                    size_of::<u64>(),
                    deadline,
                )
            };
            if status == STATUS_TIMEOUT {
                let last = |word| leave(word).or(Some(word - WAITER));
                return self.change(last).is_ok_and(|word| word >= RELEASED);
            }
        }
    }
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeInitializeEvent(event: *mut Event, kind: u32, set: u8) {
    let new = Event {
        header: MARK | kind,
        signal_state: 0,
        word: AtomicU64::new(u64::from(set != 0)),
        unused: 0,
    };
    // SAFETY: by the documented contract the memory is that of an event, and unused.
    unsafe { event.write(new) };
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(crate) unsafe extern "system" fn KeSetEvent(event: *mut Event, _: i32, _: u8) -> i32 {
    // The last argument is the return address of the caller, as below.
    naked_asm!("mov rdx, [rsp]", "jmp {}", sym set)
}

unsafe extern "system" fn set(event: *mut Event, caller: usize) -> i32 {
    // SAFETY: by the documented contract the event is initialised and outlives the call.
    i32::from(unsafe { Event::of(event, caller) }.set())
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(crate) unsafe extern "system" fn KeResetEvent(event: *mut Event) -> i32 {
    naked_asm!("mov rdx, [rsp]", "jmp {}", sym reset)
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(crate) unsafe extern "system" fn KeClearEvent(event: *mut Event) {
    naked_asm!("mov rdx, [rsp]", "jmp {}", sym reset)
}

unsafe extern "system" fn reset(event: *mut Event, caller: usize) -> i32 {
    // SAFETY: by the documented contract the event is initialised and outlives the call.
    i32::from(unsafe { Event::of(event, caller) }.reset())
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(crate) unsafe extern "system" fn KeReadStateEvent(event: *mut Event) -> i32 {
    naked_asm!("mov rdx, [rsp]", "jmp {}", sym read_state)
}

unsafe extern "system" fn read_state(event: *mut Event, caller: usize) -> i32 {
    // SAFETY: by the documented contract the event is initialised and outlives the call.
    let word = &unsafe { Event::of(event, caller) }.word;
    i32::from(word.load(Ordering::Acquire) & SET != 0)
}

/// # Safety
///
/// The documented contract of the function.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub(crate) unsafe extern "system" fn KeWaitForSingleObject(
    object: *mut Event,
    reason: i32,
    mode: i8,
    alertable: u8,
    timeout: *const i64,
) -> i32 {
    naked_asm!(
        "push rcx",
        "push rdx",
        "push r8",
        "push r9",
        "sub rsp, 40",
        // The fifth argument, and the return address of the caller.
        "mov rdx, [rsp + 112]",
        "mov r8, [rsp + 72]",
        "call {check}",
        "add rsp, 40",
        "pop r9",
        "pop r8",
        "pop rdx",
        "pop rcx",
        "jmp {wait}",
        check = sym check_wait,
        wait = sym wait,
    )
}

unsafe extern "system" fn wait(
    object: *mut Event,
    reason: i32,
    mode: i8,
    alertable: u8,
    timeout: *const i64,
) -> i32 {
    // SAFETY: every waitable object begins with a dispatcher header.
    if !unsafe { &*object }.is_marked() {
        // SAFETY: by the documented contract the object can be waited for; an array of one.
        return unsafe {
            KeWaitForMultipleObjects(
                1,
                (&raw const object).cast(),
                WAIT_ANY,
                reason,
                mode,
                alertable,
                timeout,
                ptr::null_mut(),
            )
        };
    }
    // SAFETY: by the documented contract `timeout` is null or readable.
    let deadline = unsafe { timeout.as_ref() }.copied().map(deadline);
    // SAFETY: the mark above shows that the object is an event made here.
    if unsafe { &*object }.wait(deadline) {
        STATUS_SUCCESS
    } else {
        STATUS_TIMEOUT
    }
}

/// A timeout as an absolute time; negative ones are relative.
pub(crate) fn deadline(timeout: i64) -> i64 {
    if timeout >= 0 {
        return timeout;
    }
    now() - timeout
}

pub(crate) fn now() -> i64 {
    let mut now = 0;
    // SAFETY: the local variable is writable.
    unsafe { GetSystemTimeAsFileTime(&raw mut now) };
    now
}
