// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks waits for any or all of two events, of which one resets itself.

use alloc::boxed::Box;
use core::ptr;

use native::thread;
use windows_sys::Wdk::Foundation::KEVENT;

use crate::system::{KeInitializeEvent, KeSetEvent, KeWaitForMultipleObjects, sleep};

const TIMEOUT: i32 = 0x102;
const ALL: i32 = 0;
const ANY: i32 = 1;

/// Two events in pool.
struct Events(Box<[KEVENT; 2]>);

/// A pointer to an event that outlives the thread that uses it.
struct Sent(*mut KEVENT);

// SAFETY: the kernel's functions on an event may be called on any thread.
unsafe impl Send for Sent {}

impl Events {
    fn new() -> Self {
        let mut events = Box::new([KEVENT::default(); 2]);
        for (kind, event) in (0..).zip(events.iter_mut()) {
            // SAFETY: the event is boxed, so its address does not change.
            unsafe { KeInitializeEvent(event, kind, 0) };
        }
        Self(events)
    }

    fn set(&mut self, index: usize) {
        // SAFETY: the event is initialised.
        unsafe { KeSetEvent(&raw mut self.0[index], 0, 0) };
    }

    fn wait(&mut self, kind: i32, milliseconds: i64) -> i32 {
        let objects = self.0.each_mut().map(ptr::from_mut);
        let timeout = -10_000 * milliseconds;
        // SAFETY: both events are initialised, and no wait blocks are needed for up to three.
        unsafe {
            KeWaitForMultipleObjects(
                2,
                objects.as_ptr(),
                kind,
                0,
                0,
                0,
                &raw const timeout,
                ptr::null_mut(),
            )
        }
    }
}

pub(crate) fn works() {
    const LONG: i64 = 30_000;
    let mut events = Events::new();
    assert_eq!(events.wait(ANY, 1), TIMEOUT, "none is set");
    events.set(1);
    assert_eq!(events.wait(ALL, 1), TIMEOUT, "one is missing");
    assert_eq!(events.wait(ANY, LONG), 1, "the second is still set");
    assert_eq!(events.wait(ANY, 0), TIMEOUT, "it has reset itself");
    events.set(0);
    assert_eq!(events.wait(ANY, LONG), 0, "the first stays set");
    let late = Sent(&raw mut events.0[1]);
    let body = move || {
        let late = late;
        sleep(20);
        // SAFETY: the waiting thread keeps the event until it is set.
        unsafe { KeSetEvent(late.0, 0, 0) };
    };
    thread::spawn(body).expect("the kernel has threads");
    assert_eq!(events.wait(ALL, LONG), 0, "both are set");
    assert_eq!(events.wait(ALL, 0), TIMEOUT, "the second has reset itself");
}
