// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lists that several threads use at once. Each call is atomic, because no
//! other thread runs within it.

use std::ptr;

use crate::exports::exports;
use crate::hardware::irql::HIGH_LEVEL;
use crate::verifier::races::blocks;

exports! {
    "ExpInterlockedPushEntrySList" <= HIGH_LEVEL => push: usize;
    "ExpInterlockedPopEntrySList" <= HIGH_LEVEL => pop: usize;
    "ExpInterlockedFlushSList" <= HIGH_LEVEL => flush: usize;
    "ExQueryDepthSList" <= HIGH_LEVEL => depth: u16;
    "InitializeSListHead" <= HIGH_LEVEL => initialize: ();
    "ExInterlockedInsertHeadList" <= HIGH_LEVEL => insert_head: *mut Entry;
    "ExInterlockedInsertTailList" <= HIGH_LEVEL => insert_tail: *mut Entry;
    "ExInterlockedRemoveHeadList" <= HIGH_LEVEL => remove_head: *mut Entry;
    "ExInterlockedPushEntryList" <= HIGH_LEVEL => push_single: usize;
    "ExInterlockedPopEntryList" <= HIGH_LEVEL => pop_single: usize;
}

/// `SLIST_HEADER`: the depth and a sequence number, then the first entry.
#[repr(C, align(16))]
struct Head {
    depth: u16,
    sequence: [u16; 3],
    /// Its address; the lowest four bits are not part of it.
    next: usize,
}

/// `LIST_ENTRY`.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    previous: *mut Entry,
}

const ADDRESS: usize = !0xF;

/// The word of an entry that leads to the next one.
const fn next(entry: *const Entry) -> *const usize {
    entry.cast()
}

/// The word of an entry that leads to the one before.
const fn previous(entry: *const Entry) -> *const usize {
    entry.cast::<usize>().wrapping_add(1)
}

unsafe extern "win64" fn initialize(head: *mut Head) {
    let empty = Head {
        depth: 0,
        sequence: [0; 3],
        next: 0,
    };
    // SAFETY: the head is resident and writable, as documented.
    unsafe { head.write(empty) };
}

unsafe extern "win64" fn push(head: *mut Head, entry: *mut usize) -> usize {
    // SAFETY: both are resident, as documented.
    unsafe {
        let first = (*head).next & ADDRESS;
        entry.write(first);
        (*head).next = entry.addr();
        (*head).depth = (*head).depth.wrapping_add(1);
        first
    }
}

unsafe extern "win64" fn pop(head: *mut Head) -> usize {
    // SAFETY: the head and its entries are resident, as documented.
    unsafe {
        let first = (*head).next & ADDRESS;
        if first != 0 {
            (*head).next = (first as *const usize).read();
            (*head).depth = (*head).depth.wrapping_sub(1);
        }
        first
    }
}

unsafe extern "win64" fn flush(head: *mut Head) -> usize {
    // SAFETY: as in `pop`.
    unsafe {
        let first = (*head).next & ADDRESS;
        (*head).next = 0;
        (*head).depth = 0;
        first
    }
}

unsafe extern "win64" fn depth(head: *const Head) -> u16 {
    // SAFETY: as in `pop`.
    unsafe { (*head).depth }
}

/// Puts `entry` between two neighbours, under the lock at `lock`.
///
/// # Safety
///
/// All three are valid.
unsafe fn link(before: *mut Entry, entry: *mut Entry, after: *mut Entry, lock: usize) {
    blocks::change(
        &[next(before), next(entry), previous(entry), previous(after)],
        lock,
    );
    // SAFETY: all three are valid, by this function's contract.
    unsafe {
        (*entry).next = after;
        (*entry).previous = before;
        (*before).next = entry;
        (*after).previous = entry;
    }
}

/// What the list functions return for an empty list.
fn unless(head: *mut Entry, entry: *mut Entry) -> *mut Entry {
    if entry == head {
        ptr::null_mut()
    } else {
        entry
    }
}

unsafe extern "win64" fn insert_head(
    head: *mut Entry,
    entry: *mut Entry,
    lock: usize,
) -> *mut Entry {
    // SAFETY: the list is valid, as documented.
    unsafe {
        let first = (*head).next;
        link(head, entry, first, lock);
        unless(head, first)
    }
}

unsafe extern "win64" fn insert_tail(
    head: *mut Entry,
    entry: *mut Entry,
    lock: usize,
) -> *mut Entry {
    // SAFETY: the list is valid, as documented.
    unsafe {
        let last = (*head).previous;
        link(last, entry, head, lock);
        unless(head, last)
    }
}

unsafe extern "win64" fn remove_head(head: *mut Entry, lock: usize) -> *mut Entry {
    // SAFETY: the list is valid, as documented.
    unsafe {
        let first = (*head).next;
        if first == head {
            return ptr::null_mut();
        }
        let second = (*first).next;
        blocks::change(&[next(head), next(first), previous(second)], lock);
        (*head).next = second;
        (*second).previous = head;
        first
    }
}

unsafe extern "win64" fn push_single(head: *mut usize, entry: *mut usize, lock: usize) -> usize {
    // SAFETY: both are resident, as documented.
    unsafe {
        blocks::change(&[head, entry], lock);
        let first = head.replace(entry.addr());
        entry.write(first);
        first
    }
}

unsafe extern "win64" fn pop_single(head: *mut usize, lock: usize) -> usize {
    // SAFETY: the list is valid, as documented.
    unsafe {
        let first = head.read();
        if first != 0 {
            blocks::change(&[head, first as *const usize], lock);
            head.write((first as *const usize).read());
        }
        first
    }
}
