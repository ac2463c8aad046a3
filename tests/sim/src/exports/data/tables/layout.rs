// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where tables and their elements have what.

use crate::exports::memory::access::{get, set};

/// A table at an address, of one of both kinds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) at: usize,
    pub(super) layout: &'static Layout,
}

/// Offsets of fields.
#[derive(Debug)]
pub(super) struct Layout {
    /// The length of `RTL_GENERIC_TABLE` or `RTL_AVL_TABLE`.
    pub(super) length: usize,
    pub(super) root: usize,
    /// `InsertOrderList`, if it has one.
    pub(super) order: Option<usize>,
    pub(super) count: usize,
    /// `RestartKey`, if it has one.
    pub(super) restart: Option<usize>,
    pub(super) compare: usize,
    pub(super) allocate: usize,
    pub(super) free: usize,
    pub(super) context: usize,
    /// The bytes of an element in front of the driver's own.
    pub(super) header: usize,
}

/// `RTL_GENERIC_TABLE`, its elements with `RTL_SPLAY_LINKS` and `LIST_ENTRY`.
pub(super) const SPLAY: Layout = Layout {
    length: 72,
    root: 0,
    order: Some(8),
    count: 36,
    restart: None,
    compare: 40,
    allocate: 48,
    free: 56,
    context: 64,
    header: 40,
};

/// `RTL_AVL_TABLE`, its elements with `RTL_BALANCED_LINKS`. The root is the right child of the
/// links in the table.
pub(super) const BALANCED: Layout = Layout {
    length: 104,
    root: 16,
    order: None,
    count: 44,
    restart: Some(56),
    compare: 72,
    allocate: 80,
    free: 88,
    context: 96,
    header: 32,
};

/// Where the links of an element have its parent and its children.
pub(super) const PARENT: usize = 0;
pub(super) const LEFT: usize = 8;
pub(super) const RIGHT: usize = 16;
/// Where an element of a splay tree has its `LIST_ENTRY`.
pub(super) const ENTRY: usize = 24;

impl Table {
    pub(super) fn word(self, offset: usize) -> usize {
        get(self.at + offset)
    }

    /// The element at the root, 0 if it is empty.
    pub(super) fn root(self) -> usize {
        self.word(self.layout.root)
    }

    pub(super) fn count(self) -> u32 {
        get(self.at + self.layout.count)
    }

    pub(super) fn set_count(self, count: u32) {
        set(self.at + self.layout.count, count);
    }

    /// The driver's bytes of an element, 0 if it is none.
    pub(super) const fn data(self, node: usize) -> usize {
        if node == 0 {
            0
        } else {
            node + self.layout.header
        }
    }
}
