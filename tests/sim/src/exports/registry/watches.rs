// SPDX-License-Identifier: MIT OR Apache-2.0

//! `ZwNotifyChangeKey`: drivers are told of a change of a key, by a work item of theirs, or by
//! the return of the call. The end of its handle is one, too. Now and then a program changes
//! what a driver watches.

use rand::RngExt;
use windows_sys::Win32::Foundation::{STATUS_PENDING, STATUS_SUCCESS};

use super::keys;
use crate::exports::execution::work_items;
use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::exports::sync::event_handles;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::objects::names::fold;
use crate::objects::watches::{Change, Watch};
use crate::scheduling::{MICROSECOND, Waitable, block, sleep};

exports! {
    "ZwNotifyChangeKey" <= PASSIVE_LEVEL => watch: i32;
}

/// `STATUS_NOTIFY_CLEANUP`: the handle was closed.
const CLEANUP: i32 = 0x10C;

/// The most changes that programs make in a cycle, and the longest time until one.
const MOST: usize = 3;
const LONGEST: u64 = 300;

unsafe extern "win64" fn watch(
    handle: usize,
    event: usize,
    item: usize,
    _queue: usize,
    status_block: usize,
    filter: u32,
    watches_tree: u8,
    _buffer: usize,
    _size: u32,
    is_asynchronous: u8,
) -> i32 {
    let completion = match event_handles::begin_request(event) {
        Ok(completion) => completion,
        Err(status) => return status,
    };
    let added = with(|state| {
        let path = keys::path(state, handle)?;
        state.objects.watches.all.push(Watch {
            handle,
            path: fold(&path),
            filter,
            watches_tree: watches_tree != 0,
            status_block,
            item,
            completion,
        });
        let changes = state.objects.watches.programs;
        if changes < MOST {
            state.objects.watches.programs += 1;
            let name = format!("registry editor {changes}");
            // A machine without another stack has enough to do.
            let _ = state.scheduling.spawn(name, None, move || change(&path));
        }
        Ok(())
    });
    if let Err(status) = added {
        event_handles::end_request(completion, true);
        return status;
    }
    if is_asynchronous != 0 {
        return STATUS_PENDING;
    }
    while with(|state| state.objects.watches.has(status_block)) {
        block(Waitable::Object(status_block), None);
    }
    get(status_block)
}

/// A program sets a value of a key.
fn change(path: &str) {
    let time = with(|state| state.choices.activity.random_range(0..=LONGEST));
    sleep(time * MICROSECOND);
    changed(path, Change::Value);
}

/// The key at a path has changed.
pub(super) fn changed(path: &str, change: Change) {
    let told = with(|state| state.objects.watches.take(&fold(path), change));
    complete(told, STATUS_SUCCESS);
}

/// A handle is about to be closed.
pub(in crate::exports) fn closes(state: &mut State, handle: usize) -> Vec<Watch> {
    state.objects.watches.take_of(handle)
}

/// A handle was closed of which these were.
pub(in crate::exports) fn closed(told: Vec<Watch>) {
    complete(told, CLEANUP);
}

fn complete(told: Vec<Watch>, status: i32) {
    for watch in told {
        set(watch.status_block, status);
        set(watch.status_block + 8, 0_usize);
        let object = Waitable::Object(watch.status_block);
        with(|state| state.scheduling.wake_all(object));
        event_handles::end_request(watch.completion, false);
        if watch.item != 0 {
            work_items::queue_item(watch.item);
        }
    }
}
