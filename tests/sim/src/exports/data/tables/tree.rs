// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tree of a table: searching, linking, and moving an element to the root.

use super::layout::{LEFT, PARENT, RIGHT, Table};
use crate::exports::memory::access::{get, set};
use crate::findings::caller::caller;
use crate::kernel::with;
use crate::verifier::driver_call;

/// `TABLE_SEARCH_RESULT`: what a search has found, and the element that it is or that becomes
/// its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Empty,
    Node(usize),
    LeftOf(usize),
    RightOf(usize),
}

impl Found {
    /// The element, 0 if the table is empty, and the number that the headers give the result.
    pub(super) const fn parts(self) -> (usize, i32) {
        match self {
            Self::Empty => (0, 0),
            Self::Node(node) => (node, 1),
            Self::LeftOf(node) => (node, 2),
            Self::RightOf(node) => (node, 3),
        }
    }

    /// The result that has these parts.
    pub(super) const fn new(node: usize, result: i32) -> Self {
        match result {
            1 => Self::Node(node),
            2 => Self::LeftOf(node),
            3 => Self::RightOf(node),
            _ => Self::Empty,
        }
    }
}

impl Table {
    /// Compares what a driver passes with an element, by the driver's routine.
    pub(super) fn compare(self, buffer: usize, node: usize) -> std::cmp::Ordering {
        let routine = self.word(self.layout.compare);
        let by = with(|state| caller(state));
        let arguments = [self.at, buffer, self.data(node)];
        let what = "the comparison routine of a table";
        // SAFETY: the driver's own routine, with the arguments that are documented for it.
        let result = unsafe { driver_call::call(what, routine, by, &arguments) };
        match driver_call::status(result) {
            0 => std::cmp::Ordering::Less,
            1 => std::cmp::Ordering::Greater,
            _ => std::cmp::Ordering::Equal,
        }
    }

    /// Searches for what is equal to `buffer`.
    pub(super) fn find(self, buffer: usize) -> Found {
        let mut found = Found::Empty;
        let mut node = self.root();
        while node != 0 {
            let side = match self.compare(buffer, node) {
                std::cmp::Ordering::Equal => return Found::Node(node),
                std::cmp::Ordering::Less => {
                    found = Found::LeftOf(node);
                    LEFT
                }
                std::cmp::Ordering::Greater => {
                    found = Found::RightOf(node);
                    RIGHT
                }
            };
            node = get(node + side);
        }
        found
    }

    /// Links a new element where a search has found nothing, and moves it to the root.
    pub(super) fn link(self, node: usize, place: Found) {
        set(node + LEFT, 0_usize);
        set(node + RIGHT, 0_usize);
        match place {
            Found::LeftOf(parent) => join(parent, LEFT, node),
            Found::RightOf(parent) => join(parent, RIGHT, node),
            Found::Empty | Found::Node(_) => self.set_root(node),
        }
        self.splay(node);
    }

    /// Takes an element out of the tree.
    pub(super) fn unlink(self, node: usize) {
        self.splay(node);
        let (left, right) = (get(node + LEFT), get(node + RIGHT));
        if left == 0 {
            self.set_root(right);
            return;
        }
        self.set_root(left);
        let last = outermost(left, RIGHT);
        self.splay(last);
        join(last, RIGHT, right);
    }

    /// Moves an element to the root.
    pub(super) fn splay(self, node: usize) {
        while self.root() != node {
            let parent = get(node + PARENT);
            if self.root() != parent {
                let above = get(parent + PARENT);
                let is_line = side_of(parent, node) == side_of(above, parent);
                self.rotate(if is_line { parent } else { node });
            }
            self.rotate(node);
        }
    }

    /// Exchanges an element with its parent.
    fn rotate(self, node: usize) {
        let parent = get(node + PARENT);
        let side = side_of(parent, node);
        let other = LEFT + RIGHT - side;
        let is_root = self.root() == parent;
        let above = get(parent + PARENT);
        let above_side = if is_root {
            LEFT
        } else {
            side_of(above, parent)
        };
        join(parent, side, get(node + other));
        join(node, other, parent);
        if is_root {
            self.set_root(node);
        } else {
            join(above, above_side, node);
        }
    }

    /// The parent of the root is itself in a splay tree, and the links in the table otherwise.
    fn set_root(self, node: usize) {
        set(self.at + self.layout.root, node);
        if node != 0 {
            let is_splay = self.layout.root == PARENT;
            set(node + PARENT, if is_splay { node } else { self.at });
        }
    }

    /// The first element in the order of the comparisons.
    pub(super) fn first(self) -> usize {
        match self.root() {
            0 => 0,
            root => outermost(root, LEFT),
        }
    }

    /// The element behind another one.
    pub(super) fn next(self, node: usize) -> usize {
        self.neighbour(node, RIGHT)
    }

    /// The element in front of another one.
    pub(super) fn previous(self, node: usize) -> usize {
        self.neighbour(node, LEFT)
    }

    fn neighbour(self, mut node: usize, side: usize) -> usize {
        let child = get(node + side);
        if child != 0 {
            return outermost(child, LEFT + RIGHT - side);
        }
        while self.root() != node {
            let parent = get(node + PARENT);
            if side_of(parent, node) != side {
                return parent;
            }
            node = parent;
        }
        0
    }
}

/// On which side of its parent an element is.
fn side_of(parent: usize, node: usize) -> usize {
    if get::<usize>(parent + LEFT) == node {
        LEFT
    } else {
        RIGHT
    }
}

/// Makes an element the child of another one.
fn join(parent: usize, side: usize, child: usize) {
    set(parent + side, child);
    if child != 0 {
        set(child + PARENT, parent);
    }
}

/// The last element on one side below another one.
fn outermost(mut node: usize, side: usize) -> usize {
    loop {
        match get(node + side) {
            0 => return node,
            child => node = child,
        }
    }
}
