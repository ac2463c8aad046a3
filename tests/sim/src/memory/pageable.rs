// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pageable memory: paged pool, and the sections of images whose names begin with
//! `PAGE`.
//!
//! It cannot be paged in at `DISPATCH_LEVEL`, so it is inaccessible while a thread at
//! that level or above runs, as if it were paged out: an access faults at the very
//! instruction. It is so at any level, too, for the thread that shuts the machine down,
//! once the file systems are flushed. Protections change only when the IRQL crosses that level and when
//! there is such memory, of which well-written drivers have little.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::hardware::arena::{self, Access};
use crate::hardware::irql::{DISPATCH_LEVEL, Irql};
use crate::kernel::State;
use crate::loader::drivers::Driver;
use crate::scheduling::ThreadId;

/// Some pages.
#[derive(Debug)]
struct Region {
    end: usize,
    /// Its protection while it is resident.
    access: Access,
    /// Its lock count.
    locks: usize,
    /// `true` if it is pageable because the whole driver was made so.
    overridden: bool,
}

/// All pageable memory of a cycle, by address.
#[derive(Debug, Default)]
pub(crate) struct Pageable {
    regions: BTreeMap<usize, Region>,
    /// `true` if it is out of reach now.
    hidden: bool,
    /// The thread that cannot page memory in at any IRQL.
    without_paging: Option<ThreadId>,
}

impl Pageable {
    /// Adds resident pages.
    pub(crate) fn add(&mut self, pages: Range<usize>, access: Access) {
        let region = Region {
            end: pages.end,
            access,
            locks: 0,
            overridden: false,
        };
        self.regions.insert(pages.start, region);
    }

    /// Makes pages pageable that were not meant to be.
    fn override_with(&mut self, pages: Range<usize>, access: Access) {
        let region = Region {
            end: pages.end,
            access,
            locks: 0,
            overridden: true,
        };
        self.regions.entry(pages.start).or_insert(region);
    }

    /// Undoes [`override_with`](Self::override_with) in `memory`.
    fn reset(&mut self, memory: &Range<usize>) {
        self.regions
            .retain(|start, region| !(region.overridden && memory.contains(start)));
    }

    /// Removes the pages in `memory`, which is no longer in use.
    pub(crate) fn remove(&mut self, memory: Range<usize>) {
        self.regions.retain(|start, _| !memory.contains(start));
    }

    fn around(&self, address: usize) -> Option<usize> {
        let (&start, region) = self.regions.range(..=address).next_back()?;
        (address < region.end).then_some(start)
    }

    /// Returns `true` if `address` may be paged out now.
    pub(crate) fn contains(&self, address: usize) -> bool {
        let region = self
            .around(address)
            .and_then(|start| self.regions.get(&start));
        region.is_some_and(|region| region.locks == 0)
    }

    /// Locks what is around `address` into memory. Returns its start, if there
    /// is anything pageable.
    pub(crate) fn lock(&mut self, address: usize) -> Option<usize> {
        let start = self.around(address)?;
        self.regions.get_mut(&start)?.locks += 1;
        Some(start)
    }

    /// Undoes a [`lock`](Self::lock). Returns `false` if there was none.
    pub(crate) fn unlock(&mut self, start: usize) -> bool {
        let region = self.regions.get_mut(&start);
        region.is_some_and(|region| {
            let left = region.locks.checked_sub(1);
            region.locks = left.unwrap_or_default();
            left.is_some()
        })
    }

    /// Returns `true` if this thread cannot page memory in at any IRQL.
    pub(crate) fn is_without_paging(&self, thread: ThreadId) -> bool {
        self.without_paging == Some(thread)
    }

    /// Locks the pages in `memory` that are pageable. Returns the starts of their regions.
    pub(crate) fn lock_all(&mut self, memory: &Range<usize>) -> Vec<usize> {
        let before = self.around(memory.start);
        let inside = self.regions.range(memory.clone()).map(|(&start, _)| start);
        let mut starts: Vec<_> = inside.chain(before).collect();
        starts.sort_unstable();
        starts.dedup();
        for &start in &starts {
            self.lock(start);
        }
        starts
    }

    /// Undoes [`lock_all`](Self::lock_all): what is not locked any more is out of reach again
    /// if the rest is.
    pub(crate) fn unlock_all(&mut self, starts: &[usize]) {
        for &start in starts {
            self.unlock(start);
            let region = self.regions.get(&start).filter(|region| region.locks == 0);
            if let Some(region) = region
                && self.hidden
            {
                let pages = start..region.end;
                arena::protect(pages, Access::None).expect("they are mappings of their own");
            }
        }
    }

    /// Puts it within reach of a thread at `irql`, or out of it.
    fn settle(&mut self, thread: ThreadId, irql: Irql) {
        let hide = irql >= DISPATCH_LEVEL || self.is_without_paging(thread);
        if self.hidden == hide {
            return;
        }
        self.hidden = hide;
        for (&start, region) in self.regions.iter().filter(|(_, region)| region.locks == 0) {
            let access = if hide { Access::None } else { region.access };
            arena::protect(start..region.end, access).expect("they are mappings of their own");
        }
    }
}

/// Puts pageable memory within reach of the current thread, or out of it.
pub(crate) fn settle(state: &mut State) {
    let (thread, irql) = (
        state.scheduling.current_id(),
        state.scheduling.current().irql,
    );
    state.memory.pageable.settle(thread, irql);
}

/// From now on the current thread cannot page memory in, as after the last flush of the
/// file systems.
pub(crate) fn stop_paging(state: &mut State) {
    state.memory.pageable.without_paging = Some(state.scheduling.current_id());
    settle(state);
}

/// The current thread goes to another IRQL.
pub(crate) fn set_irql(state: &mut State, irql: Irql) {
    state.scheduling.current_mut().set_irql(irql);
    state.scheduling.keep_processor();
    settle(state);
}

/// Makes all of the driver around `address` pageable. Returns its base, if
/// any.
pub(crate) fn page_driver(state: &mut State, address: usize) -> Option<usize> {
    let driver = &state.loader.drivers[state.loader.drivers.site(address)?.driver];
    for (pages, access) in driver.image.sections(driver.base) {
        state.memory.pageable.override_with(pages, access);
    }
    Some(driver.base)
}

/// Undoes [`page_driver`](Self::page_driver).
pub(crate) fn reset_driver(state: &mut State, address: usize) {
    if let Some(site) = state.loader.drivers.site(address) {
        state
            .memory
            .pageable
            .reset(&state.loader.drivers[site.driver].range());
    }
}

/// The pageable sections of a driver that has come.
pub(crate) fn add_sections(state: &mut State, driver: &Driver) {
    for (pages, access) in driver.image.pageable(driver.base) {
        state.memory.pageable.add(pages, access);
    }
}
