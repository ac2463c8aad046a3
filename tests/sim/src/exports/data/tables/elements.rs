// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the functions of both kinds of tables do.

use super::layout::{ENTRY, Table};
use super::sharing;
use super::tree::Found;
use crate::exports::memory::access::{copy, fill, get, set};
use crate::findings::caller::caller;
use crate::kernel::with;
use crate::verifier::driver_call;

impl Table {
    /// Makes it an empty table with these routines: comparing, allocating, freeing.
    pub(super) fn initialize(self, [compare, allocate, free]: [usize; 3], context: usize) {
        // SAFETY: the table may be written, as documented.
        unsafe { fill(self.at as *mut u8, 0, self.layout.length) };
        for (offset, value) in [
            (self.layout.compare, compare),
            (self.layout.allocate, allocate),
            (self.layout.free, free),
            (self.layout.context, context),
        ] {
            set(self.at + offset, value);
        }
        if let Some(order) = self.layout.order {
            set(self.at + order, [self.at + order; 2]);
        }
    }

    /// Copies `size` bytes into a new element, unless there is one that is equal. Returns its
    /// address, 0 if there is no memory, and whether it is new.
    pub(super) fn insert(self, buffer: usize, size: u32) -> (usize, bool) {
        sharing::check(self);
        let place = self.find(buffer);
        self.insert_at(buffer, size, place)
    }

    /// As [`Table::insert`], where a search has ended.
    pub(super) fn insert_at(self, buffer: usize, size: u32, place: Found) -> (usize, bool) {
        if let Found::Node(node) = place {
            if self.layout.order.is_some() {
                self.splay(node);
            }
            return (self.data(node), false);
        }
        let length = size as usize + self.layout.header;
        let what = "the routine of a table that allocates";
        let node = self.call(what, self.layout.allocate, length);
        if node == 0 {
            return (0, false);
        }
        // SAFETY: the routine has allocated as many bytes; if not, the fault is the driver's.
        unsafe { fill(node as *mut u8, 0, self.layout.header) };
        let data = self.data(node);
        // SAFETY: as above, and the buffer has that size, as documented.
        unsafe { copy(buffer as *const u8, data as *mut u8, size as usize) };
        self.link(node, place);
        if let Some(order) = self.layout.order {
            let (head, entry) = (self.at + order, node + ENTRY);
            let last: usize = get(head + 8);
            set(entry, [head, last]);
            set(last, entry);
            set(head + 8, entry);
        }
        self.set_count(self.count().wrapping_add(1));
        (data, true)
    }

    /// Takes out what is equal to `buffer`, and frees it. Returns `false` if there is nothing.
    pub(super) fn delete(self, buffer: usize) -> bool {
        sharing::check(self);
        let Found::Node(node) = self.find(buffer) else {
            return false;
        };
        if let Some(restart) = self.layout.restart
            && self.word(restart) == node
        {
            set(self.at + restart, self.previous(node));
        }
        self.unlink(node);
        if self.layout.order.is_some() {
            let [next, previous]: [usize; 2] = get(node + ENTRY);
            set(previous, next);
            set(next + 8, previous);
        }
        self.set_count(self.count().wrapping_sub(1));
        let what = "the routine of a table that frees";
        self.call(what, self.layout.free, node);
        true
    }

    /// Searches. What a splay tree finds becomes its root.
    pub(super) fn look_up(self, buffer: usize) -> Found {
        sharing::check(self);
        let found = self.find(buffer);
        if let Found::Node(node) = found
            && self.layout.order.is_some()
        {
            self.splay(node);
        }
        found
    }

    /// The element behind the one at which an enumeration is, which `key` points to.
    pub(super) fn go_on(self, key: usize) -> usize {
        sharing::check(self);
        let node = match get(key) {
            0 => self.first(),
            last => self.next(last),
        };
        set(key, node);
        self.data(node)
    }

    /// Calls one of the driver's routines. Returns its result.
    fn call(self, what: &'static str, routine: usize, argument: usize) -> usize {
        let routine = self.word(routine);
        let by = with(|state| caller(state));
        // SAFETY: the driver's own routine, with the arguments that are documented for it.
        unsafe { driver_call::call(what, routine, by, &[self.at, argument]) }
    }
}

/// Says whether an element is new, if that is asked.
pub(super) fn tell(new_element: usize, is_new: bool) {
    if new_element != 0 {
        set(new_element, u8::from(is_new));
    }
}

/// Says what a search has found.
pub(super) fn tell_found(found: Found, node_or_parent: usize, result: usize) {
    let (node, number) = found.parts();
    set(node_or_parent, node);
    set(result, number);
}
