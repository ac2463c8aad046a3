// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions for `RTL_AVL_TABLE`. The kit's headers can name them for
//! `RTL_GENERIC_TABLE`, too.

use std::cmp::Ordering;

use super::functions::{self, BALANCED_TREE, table};
use super::layout::BALANCED;
use super::sharing;
use super::tree::Found;
use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::hardware::irql::DISPATCH_LEVEL;

exports! {
    "RtlInitializeGenericTableAvl" <= DISPATCH_LEVEL => initialize: ();
    "RtlInsertElementGenericTableAvl" <= DISPATCH_LEVEL => functions::insert::<BALANCED_TREE>: usize;
    "RtlInsertElementGenericTableFullAvl" <= DISPATCH_LEVEL => functions::insert_full::<BALANCED_TREE>: usize;
    "RtlDeleteElementGenericTableAvl" <= DISPATCH_LEVEL => functions::delete::<BALANCED_TREE>: u8;
    "RtlLookupElementGenericTableAvl" <= DISPATCH_LEVEL => functions::look_up::<BALANCED_TREE>: usize;
    "RtlLookupElementGenericTableFullAvl" <= DISPATCH_LEVEL => functions::look_up_full::<BALANCED_TREE>: usize;
    "RtlLookupFirstMatchingElementGenericTableAvl" <= DISPATCH_LEVEL => look_up_first: usize;
    "RtlEnumerateGenericTableAvl" <= DISPATCH_LEVEL => enumerate: usize;
    "RtlEnumerateGenericTableWithoutSplayingAvl" <= DISPATCH_LEVEL => functions::enumerate_still::<BALANCED_TREE>: usize;
    "RtlGetElementGenericTableAvl" <= DISPATCH_LEVEL => element: usize;
    "RtlNumberGenericTableElementsAvl" <= DISPATCH_LEVEL => functions::count::<BALANCED_TREE>: u32;
    "RtlIsGenericTableEmptyAvl" <= DISPATCH_LEVEL => functions::is_empty::<BALANCED_TREE>: u8;
}

/// The `RestartKey` of a table.
fn restart_key(at: usize) -> usize {
    at + BALANCED.restart.expect("this kind has it")
}

unsafe extern "win64" fn initialize(
    at: usize,
    compare: usize,
    allocate: usize,
    free: usize,
    context: usize,
) {
    table::<BALANCED_TREE>(at).initialize([compare, allocate, free], context);
    // The links in the table are their own parent.
    set(at, at);
}

/// The first of those that the routine finds equal, with which an enumeration can begin.
unsafe extern "win64" fn look_up_first(at: usize, buffer: usize, key: usize) -> usize {
    let table = table::<BALANCED_TREE>(at);
    let Found::Node(mut node) = table.look_up(buffer) else {
        set(key, 0_usize);
        return 0;
    };
    loop {
        let previous = table.previous(node);
        if previous == 0 || table.compare(buffer, previous) != Ordering::Equal {
            break;
        }
        node = previous;
    }
    set(key, node);
    table.data(node)
}

unsafe extern "win64" fn enumerate(at: usize, restart: u8) -> usize {
    let key = restart_key(at);
    if restart != 0 {
        set(key, 0_usize);
    }
    table::<BALANCED_TREE>(at).go_on(key)
}

/// Elements are numbered in the order of the comparisons.
unsafe extern "win64" fn element(at: usize, index: u32) -> usize {
    let table = table::<BALANCED_TREE>(at);
    sharing::check(table);
    if index >= table.count() {
        return 0;
    }
    let mut node = table.first();
    for _ in 0..index {
        node = table.next(node);
    }
    table.data(node)
}
