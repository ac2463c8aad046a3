// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions for `RTL_GENERIC_TABLE`.

use super::functions::{self, SPLAY_TREE, table};
use super::layout::{ENTRY, SPLAY};
use super::sharing;
use crate::exports::exports;
use crate::exports::memory::access::get;
use crate::hardware::irql::DISPATCH_LEVEL;

// The routines and memory of a table may be pageable; then a call at `DISPATCH_LEVEL` is found
// where they are touched.
exports! {
    "RtlInitializeGenericTable" <= DISPATCH_LEVEL => initialize: ();
    "RtlInsertElementGenericTable" <= DISPATCH_LEVEL => functions::insert::<SPLAY_TREE>: usize;
    "RtlInsertElementGenericTableFull" <= DISPATCH_LEVEL => functions::insert_full::<SPLAY_TREE>: usize;
    "RtlDeleteElementGenericTable" <= DISPATCH_LEVEL => functions::delete::<SPLAY_TREE>: u8;
    "RtlLookupElementGenericTable" <= DISPATCH_LEVEL => functions::look_up::<SPLAY_TREE>: usize;
    "RtlLookupElementGenericTableFull" <= DISPATCH_LEVEL => functions::look_up_full::<SPLAY_TREE>: usize;
    "RtlEnumerateGenericTable" <= DISPATCH_LEVEL => enumerate: usize;
    "RtlEnumerateGenericTableWithoutSplaying" <= DISPATCH_LEVEL => functions::enumerate_still::<SPLAY_TREE>: usize;
    "RtlGetElementGenericTable" <= DISPATCH_LEVEL => element: usize;
    "RtlNumberGenericTableElements" <= DISPATCH_LEVEL => functions::count::<SPLAY_TREE>: u32;
    "RtlIsGenericTableEmpty" <= DISPATCH_LEVEL => functions::is_empty::<SPLAY_TREE>: u8;
}

unsafe extern "win64" fn initialize(
    at: usize,
    compare: usize,
    allocate: usize,
    free: usize,
    context: usize,
) {
    table::<SPLAY_TREE>(at).initialize([compare, allocate, free], context);
}

/// The root is where the enumeration is.
unsafe extern "win64" fn enumerate(at: usize, restart: u8) -> usize {
    let table = table::<SPLAY_TREE>(at);
    sharing::check(table);
    let node = match table.root() {
        0 => 0,
        _ if restart != 0 => table.first(),
        root => table.next(root),
    };
    if node != 0 {
        table.splay(node);
    }
    table.data(node)
}

/// Elements are numbered in the order in which they were inserted.
unsafe extern "win64" fn element(at: usize, index: u32) -> usize {
    let table = table::<SPLAY_TREE>(at);
    sharing::check(table);
    if index >= table.count() {
        return 0;
    }
    let mut entry: usize = table.word(SPLAY.order.expect("this kind has it"));
    for _ in 0..index {
        entry = get(entry);
    }
    table.data(entry - ENTRY)
}
