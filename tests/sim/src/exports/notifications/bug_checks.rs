// SPDX-License-Identifier: MIT OR Apache-2.0

//! Routines that are called at a bug check. None is called here, where the first finding ends
//! the cycle; but a record that is left, or freed, is memory that Windows still uses.

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::hardware::irql::HIGH_LEVEL;
use crate::kernel::with;
use crate::objects::kernel_objects::ObjectKind;

exports! {
    "KeRegisterBugCheckCallback" <= HIGH_LEVEL => register: u8;
    "KeDeregisterBugCheckCallback" <= HIGH_LEVEL => deregister: u8;
    "KeRegisterBugCheckReasonCallback" <= HIGH_LEVEL => register_reason: u8;
    "KeDeregisterBugCheckReasonCallback" <= HIGH_LEVEL => deregister_reason: u8;
}

/// Where a `KBUGCHECK_CALLBACK_RECORD` has its state.
const STATE: usize = 56;
/// Where a `KBUGCHECK_REASON_CALLBACK_RECORD` has its state.
const REASON_STATE: usize = 44;

/// `BufferEmpty`.
const EMPTY: u8 = 0;
/// `BufferInserted`.
const INSERTED: u8 = 1;

fn insert(record: *mut u8, state_at: usize) -> u8 {
    // SAFETY: the record is valid, as documented.
    let at = unsafe { record.add(state_at) };
    // SAFETY: as above.
    let is_empty = unsafe { at.read() } == EMPTY;
    let is_new = is_empty
        && with(|state| {
            let by = caller(state);
            let created = &mut state.objects.created;
            created.add(record.addr(), ObjectKind::BugCheckCallback, by)
        });
    if is_new {
        // SAFETY: as above.
        unsafe { at.write(INSERTED) };
    }
    u8::from(is_new)
}

fn take(record: *mut u8, state_at: usize) -> u8 {
    let was_there = with(|state| {
        let created = &mut state.objects.created;
        created.remove(record.addr(), ObjectKind::BugCheckCallback)
    });
    if was_there {
        // SAFETY: the record is valid, as documented.
        unsafe { record.add(state_at).write(EMPTY) };
    }
    u8::from(was_there)
}

unsafe extern "win64" fn register(
    record: *mut u8,
    _routine: usize,
    _buffer: usize,
    _length: u32,
    _component: usize,
) -> u8 {
    insert(record, STATE)
}

unsafe extern "win64" fn deregister(record: *mut u8) -> u8 {
    take(record, STATE)
}

unsafe extern "win64" fn register_reason(
    record: *mut u8,
    _routine: usize,
    _reason: i32,
    _component: usize,
) -> u8 {
    insert(record, REASON_STATE)
}

unsafe extern "win64" fn deregister_reason(record: *mut u8) -> u8 {
    take(record, REASON_STATE)
}
