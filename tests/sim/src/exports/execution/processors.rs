// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processors: their number, the current one, and the affinity of threads. All are in
//! group 0.

use windows_sys::Win32::Foundation::{STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

use crate::exports::exports;
use crate::exports::memory::access::set as set_value;
use crate::hardware::irql::{DISPATCH_LEVEL, HIGH_LEVEL};
use crate::kernel::{State, with};
use crate::scheduling::give_way;

exports! {
    "KeGetCurrentProcessorNumberEx" <= HIGH_LEVEL => current_processor: u32;
    "KeQueryActiveProcessorCount" <= HIGH_LEVEL => active_count: u32;
    "KeQueryActiveProcessorCountEx" <= HIGH_LEVEL => count_in_group: u32;
    "KeQueryMaximumProcessorCount" <= HIGH_LEVEL => count: u32;
    "KeQueryMaximumProcessorCountEx" <= HIGH_LEVEL => count_in_group: u32;
    "KeQueryActiveProcessors" <= HIGH_LEVEL => active: u64;
    "KeQueryGroupAffinity" <= HIGH_LEVEL => active_in_group: u64;
    "KeQueryActiveGroupCount" <= HIGH_LEVEL => groups: u16;
    "KeQueryMaximumGroupCount" <= HIGH_LEVEL => groups: u16;
    "KeQueryHighestNodeNumber" <= HIGH_LEVEL => highest_node: u16;
    "KeQueryNodeActiveAffinity" <= HIGH_LEVEL => node_affinity: ();
    "KeGetRecommendedSharedDataAlignment" <= HIGH_LEVEL => shared_alignment: u32;
    "KeGetProcessorNumberFromIndex" <= HIGH_LEVEL => number_from_index: i32;
    "KeGetProcessorIndexFromNumber" <= HIGH_LEVEL => index_from_number: u32;
    "KeSetSystemAffinityThread" <= DISPATCH_LEVEL => set: u64;
    "KeSetSystemAffinityThreadEx" <= DISPATCH_LEVEL => set: u64;
    "KeRevertToUserAffinityThread" <= DISPATCH_LEVEL => revert_all: ();
    "KeRevertToUserAffinityThreadEx" <= DISPATCH_LEVEL => revert: ();
    "KeSetSystemGroupAffinityThread" <= DISPATCH_LEVEL => set_group: ();
    "KeRevertToUserGroupAffinityThread" <= DISPATCH_LEVEL => revert_group: ();
}

/// `PROCESSOR_NUMBER`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Number {
    group: u16,
    in_group: u8,
    reserved: u8,
}

/// `GROUP_AFFINITY`.
#[derive(Clone, Copy)]
#[repr(C)]
struct GroupAffinity {
    mask: u64,
    group: u16,
    reserved: [u16; 3],
}

const _: () = assert!(size_of::<Number>() == 4 && size_of::<GroupAffinity>() == 16);

/// `ALL_PROCESSOR_GROUPS`.
const ALL_GROUPS: u16 = 0xFFFF;

impl Number {
    /// The index of a processor that is active.
    pub(super) fn index(self) -> Option<u32> {
        let index = u32::from(self.in_group);
        (self.group == 0 && self.reserved == 0 && is_active(index)).then_some(index)
    }
}

/// Returns `true` if there is a processor of this number.
pub(super) fn is_active(index: u32) -> bool {
    with(|state| (index as usize) < state.scheduling.processors())
}

/// At `DISPATCH_LEVEL` each thread is on a processor of its own.
unsafe extern "win64" fn current_processor(number: *mut Number) -> u32 {
    let index = with(|state| state.scheduling.processor());
    if !number.is_null() {
        // SAFETY: it may be written unless it is null, as documented.
        unsafe { number.write_unaligned(in_group(index)) };
    }
    index
}

fn in_group(index: u32) -> Number {
    Number {
        group: 0,
        in_group: u8::try_from(index).expect("a group has 64"),
        reserved: 0,
    }
}

unsafe extern "win64" fn active_count(affinity: *mut u64) -> u32 {
    if !affinity.is_null() {
        // SAFETY: it may be written unless it is null, as documented.
        unsafe { affinity.write(all()) };
    }
    all().count_ones()
}

unsafe extern "win64" fn count() -> u32 {
    all().count_ones()
}

unsafe extern "win64" fn count_in_group(group: u16) -> u32 {
    if group == 0 || group == ALL_GROUPS {
        all().count_ones()
    } else {
        0
    }
}

fn all() -> u64 {
    with(|state| state.scheduling.active_processors())
}

unsafe extern "win64" fn active() -> u64 {
    all()
}

unsafe extern "win64" fn active_in_group(group: u16) -> u64 {
    if group == 0 { all() } else { 0 }
}

unsafe extern "win64" fn groups() -> u16 {
    1
}

/// Returns 0: all processors are in one node.
unsafe extern "win64" fn highest_node() -> u16 {
    0
}

unsafe extern "win64" fn node_affinity(node: u16, affinity: usize, count: usize) {
    let mask = if node == 0 { all() } else { 0 };
    if affinity != 0 {
        let value = GroupAffinity {
            mask,
            group: 0,
            reserved: [0; 3],
        };
        set_value(affinity, value);
    }
    if count != 0 {
        let processors = u16::try_from(mask.count_ones()).expect("a group has 64");
        set_value(count, processors);
    }
}

unsafe extern "win64" fn shared_alignment() -> u32 {
    /// The size of a cache line in bytes.
    const LINE: u32 = 64;
    LINE
}

unsafe extern "win64" fn number_from_index(index: u32, number: *mut Number) -> i32 {
    if !is_active(index) {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: it may be written, as documented.
    unsafe { number.write_unaligned(in_group(index)) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn index_from_number(number: *const Number) -> u32 {
    /// `INVALID_PROCESSOR_INDEX`.
    const INVALID: u32 = u32::MAX;
    // SAFETY: it is readable, as documented.
    unsafe { number.read_unaligned() }
        .index()
        .unwrap_or(INVALID)
}

/// Changes the affinity of the current thread. Returns the mask before, 0 if it had none.
fn change(mask: u64) -> u64 {
    let before = with(|state: &mut State| {
        let scheduling = &mut state.scheduling;
        if scheduling.current().irql >= DISPATCH_LEVEL {
            // It stays where it is until it lowers its IRQL.
            scheduling.processor();
        }
        scheduling.set_affinity(scheduling.current_id(), mask)
    });
    give_way();
    before
}

/// The active ones of the processors in `mask`.
fn active_of(mask: u64) -> Option<u64> {
    Some(mask & all()).filter(|&mask| mask != 0)
}

unsafe extern "win64" fn set(mask: u64) -> u64 {
    active_of(mask).map_or(0, change)
}

/// Returns to the affinity that [`set`] has returned: 0 is the thread's own.
unsafe extern "win64" fn revert(mask: u64) {
    let mask = if mask == 0 { Some(0) } else { active_of(mask) };
    if let Some(mask) = mask {
        change(mask);
    }
}

unsafe extern "win64" fn revert_all() {
    change(0);
}

unsafe extern "win64" fn set_group(affinity: *const GroupAffinity, before: *mut GroupAffinity) {
    // SAFETY: it is readable, as documented.
    let GroupAffinity { mask, group, .. } = unsafe { affinity.read_unaligned() };
    let mask = active_of(mask).filter(|_| group == 0);
    let mask = mask.map_or(0, change);
    if !before.is_null() {
        let affinity = GroupAffinity {
            mask,
            group: 0,
            reserved: [0; 3],
        };
        // SAFETY: it may be written unless it is null, as documented.
        unsafe { before.write_unaligned(affinity) };
    }
}

unsafe extern "win64" fn revert_group(before: *const GroupAffinity) {
    // SAFETY: this passes on what the driver was given, which is readable as documented.
    unsafe { revert((*before).mask) };
}
