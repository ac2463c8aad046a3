// SPDX-License-Identifier: MIT OR Apache-2.0

//! Second mappings of locked pages, which an MDL has.
//!
//! # Limits
//!
//! Only pages of pool get a second address. Pages of an image or a stack are mapped where
//! they are, so that their use after the mapping has ended is not found.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use crate::hardware::arena::{Backing, PAGE, POOL, detach};
use crate::loader::drivers::Site;
use crate::memory::pool::Pool;

/// The tag of the addresses of a mapping.
pub(crate) const TAG: u32 = u32::from_le_bytes(*b"MmMp");

/// All second mappings of a cycle, by their addresses.
#[derive(Debug, Default)]
pub(crate) struct Aliases(BTreeMap<usize, Alias>);

#[derive(Debug)]
struct Alias {
    pages: Range<usize>,
    backing: Rc<Backing>,
}

impl Aliases {
    /// Maps `memory` a second time. Returns its address there, or its own if it cannot have
    /// a second one; `None` if there is no room.
    pub(crate) fn map(&mut self, pool: &mut Pool, memory: &Range<usize>) -> Option<usize> {
        let first = memory.start / PAGE * PAGE;
        let pages = first..memory.end.next_multiple_of(PAGE);
        if !POOL.contains(&first) || pages.is_empty() {
            return Some(memory.start);
        }
        let known = self.0.values().find(|it| it.backing.has(&pages));
        let backing = match known {
            Some(alias) => Rc::clone(&alias.backing),
            None if self.0.values().any(|it| it.backing.overlaps(&pages)) => {
                return Some(memory.start);
            }
            None => Rc::new(Backing::new(pages.clone()).ok()?),
        };
        let at = pool.allocate(pages.len(), TAG, true, None)?;
        let place = at..at + pages.len();
        if backing.map(at, &pages).is_err() {
            detach(&place);
            let _ = pool.free(at, 0, None);
            return None;
        }
        self.0.insert(
            at,
            Alias {
                pages: place,
                backing,
            },
        );
        Some(at + (memory.start - first))
    }

    /// Ends the mapping with this address, if it is a second one; `by` has asked for that.
    pub(crate) fn unmap(&mut self, pool: &mut Pool, address: usize, by: Option<Site>) {
        let start = address / PAGE * PAGE;
        if let Some(alias) = self.0.remove(&start) {
            detach(&alias.pages);
            let _ = pool.free(start, 0, by);
        }
    }

    /// Gives all pages their own memory back: the cycle is over.
    pub(crate) fn end(&mut self) {
        for alias in std::mem::take(&mut self.0).into_values() {
            detach(&alias.pages);
        }
    }
}
