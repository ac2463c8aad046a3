// SPDX-License-Identifier: MIT OR Apache-2.0

//! Mutexes: dispatcher objects that a thread owns.

use windows_sys::Win32::Foundation::STATUS_MUTANT_NOT_OWNED;

use crate::exports::exceptions::raise;
use crate::exports::exports;
use crate::exports::sync::dispatcher::{Header, MUTEX, Mutant, begin_object, object, signal};
use crate::exports::sync::events::promise_wait;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::with;
use crate::verifier::locks::{self, LockKind};

exports! {
    "KeInitializeMutex" <= DISPATCH_LEVEL => ke_initialize_mutex: ();
    "KeReleaseMutex" <= DISPATCH_LEVEL => ke_release_mutex: i32;
    "KeReadStateMutex" <= DISPATCH_LEVEL => ke_read_state_mutex: i32;
}

unsafe extern "win64" fn ke_initialize_mutex(mutex: *mut Mutant, _level: u32) {
    begin_object(mutex.cast());
    locks::initialize(mutex.addr(), LockKind::Mutex);
    let header = Header::new::<Mutant>(MUTEX, 1, mutex.cast());
    // SAFETY: the mutex is resident and writable, as documented, and all-zero
    // is valid for the rest.
    unsafe {
        mutex.write(std::mem::zeroed());
        (*mutex).header = header;
    }
}

unsafe extern "win64" fn ke_release_mutex(mutex: *mut Mutant, wait: u8) -> i32 {
    let header = object(mutex.cast(), &[MUTEX], "a mutex");
    promise_wait(wait, "KeReleaseMutex");
    let released = with(|state| {
        let me = state.scheduling.current_id();
        state.verifier.locks.remove(header.addr(), me).is_some()
    });
    if !released {
        let what = "a mutex was released by a thread that does not own it";
        raise(STATUS_MUTANT_NOT_OWNED, what.to_owned());
        return 0;
    }
    // SAFETY: `object` has read it.
    let before = unsafe { (*header).state };
    // SAFETY: as above.
    unsafe { (*header).state = before + 1 };
    // SAFETY: as above.
    with(|state| unsafe { signal(state, header) });
    before
}

unsafe extern "win64" fn ke_read_state_mutex(mutex: *mut Mutant) -> i32 {
    // SAFETY: `object` has read it.
    unsafe { (*object(mutex.cast(), &[MUTEX], "a mutex")).state }
}
