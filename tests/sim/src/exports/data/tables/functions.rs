// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions that tables of both kinds have.

use super::elements::{tell, tell_found};
use super::layout::{BALANCED, SPLAY, Table};
use super::sharing;
use super::tree::Found;

/// For `RTL_GENERIC_TABLE`.
pub(super) const SPLAY_TREE: bool = false;
/// For `RTL_AVL_TABLE`.
pub(super) const BALANCED_TREE: bool = true;

/// The table at an address.
pub(super) const fn table<const KIND: bool>(at: usize) -> Table {
    let layout = if KIND { &BALANCED } else { &SPLAY };
    Table { at, layout }
}

pub(super) unsafe extern "win64" fn insert<const KIND: bool>(
    at: usize,
    buffer: usize,
    size: u32,
    new_element: usize,
) -> usize {
    let (data, is_new) = table::<KIND>(at).insert(buffer, size);
    tell(new_element, is_new);
    data
}

pub(super) unsafe extern "win64" fn insert_full<const KIND: bool>(
    at: usize,
    buffer: usize,
    size: u32,
    new_element: usize,
    node: usize,
    result: i32,
) -> usize {
    let table = table::<KIND>(at);
    sharing::check(table);
    let (data, is_new) = table.insert_at(buffer, size, Found::new(node, result));
    tell(new_element, is_new);
    data
}

pub(super) unsafe extern "win64" fn delete<const KIND: bool>(at: usize, buffer: usize) -> u8 {
    u8::from(table::<KIND>(at).delete(buffer))
}

pub(super) unsafe extern "win64" fn look_up<const KIND: bool>(at: usize, buffer: usize) -> usize {
    match table::<KIND>(at).look_up(buffer) {
        Found::Node(node) => table::<KIND>(at).data(node),
        _ => 0,
    }
}

pub(super) unsafe extern "win64" fn look_up_full<const KIND: bool>(
    at: usize,
    buffer: usize,
    node_or_parent: usize,
    result: usize,
) -> usize {
    let found = table::<KIND>(at).look_up(buffer);
    tell_found(found, node_or_parent, result);
    match found {
        Found::Node(node) => table::<KIND>(at).data(node),
        _ => 0,
    }
}

pub(super) unsafe extern "win64" fn enumerate_still<const KIND: bool>(
    at: usize,
    key: usize,
) -> usize {
    table::<KIND>(at).go_on(key)
}

pub(super) unsafe extern "win64" fn count<const KIND: bool>(at: usize) -> u32 {
    table::<KIND>(at).count()
}

pub(super) unsafe extern "win64" fn is_empty<const KIND: bool>(at: usize) -> u8 {
    u8::from(table::<KIND>(at).root() == 0)
}
