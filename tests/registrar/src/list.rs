// SPDX-License-Identifier: MIT OR Apache-2.0

//! Doubly linked lists through the slots of a table: insertion and removal take
//! constant time.

use crate::slab::NONE;

/// The two ends of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub(crate) first: u32,
    last: u32,
}

/// A place in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    before: u32,
    pub(crate) after: u32,
}

impl Links {
    /// In no list.
    pub(crate) const LOOSE: Self = Self {
        before: NONE,
        after: NONE,
    };
}

/// The table whose slots are linked.
pub(crate) trait Linked {
    fn links(&mut self, slot: u32) -> &mut Links;
}

impl List {
    pub(crate) const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
    };

    #[inline]
    pub(crate) fn push_back(&mut self, table: &mut impl Linked, slot: u32) {
        *table.links(slot) = Links {
            before: self.last,
            after: NONE,
        };
        match self.last {
            NONE => self.first = slot,
            last => table.links(last).after = slot,
        }
        self.last = slot;
    }

    #[inline]
    pub(crate) fn push_front(&mut self, table: &mut impl Linked, slot: u32) {
        *table.links(slot) = Links {
            before: NONE,
            after: self.first,
        };
        match self.first {
            NONE => self.last = slot,
            first => table.links(first).before = slot,
        }
        self.first = slot;
    }

    pub(crate) fn move_to_back(&mut self, table: &mut impl Linked, slot: u32) {
        if self.last != slot {
            self.remove(table, slot);
            self.push_back(table, slot);
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, table: &mut impl Linked, slot: u32) {
        let Links { before, after } = core::mem::replace(table.links(slot), Links::LOOSE);
        match before {
            NONE => self.first = after,
            before => table.links(before).after = after,
        }
        match after {
            NONE => self.last = before,
            after => table.links(after).before = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Table([Links; 4]);

    impl Linked for Table {
        fn links(&mut self, slot: u32) -> &mut Links {
            &mut self.0[slot as usize]
        }
    }

    fn order(list: List, table: &mut Table) -> alloc::vec::Vec<u32> {
        let mut order = alloc::vec::Vec::new();
        let mut slot = list.first;
        while slot != NONE {
            order.push(slot);
            slot = table.links(slot).after;
        }
        order
    }

    #[test]
    fn it_keeps_its_order_as_members_leave() {
        let mut table = Table([Links::LOOSE; 4]);
        let mut list = List::EMPTY;
        for slot in [1, 2, 3] {
            list.push_back(&mut table, slot);
        }
        list.push_front(&mut table, 0);
        assert_eq!(order(list, &mut table), [0, 1, 2, 3]);
        list.move_to_back(&mut table, 0);
        assert_eq!(order(list, &mut table), [1, 2, 3, 0]);
        list.remove(&mut table, 0);
        list.push_front(&mut table, 0);
        list.remove(&mut table, 2);
        assert_eq!(order(list, &mut table), [0, 1, 3]);
        list.remove(&mut table, 0);
        list.remove(&mut table, 3);
        assert_eq!(order(list, &mut table), [1]);
        list.move_to_back(&mut table, 1);
        assert_eq!(order(list, &mut table), [1]);
        list.remove(&mut table, 1);
        assert_eq!((list.first, list.last), (NONE, NONE));
    }
}
