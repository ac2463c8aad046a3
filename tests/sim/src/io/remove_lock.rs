// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who has acquired which remove lock.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::loader::drivers::{DriverId, Site};

/// One acquisition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acquisition {
    pub(crate) tag: usize,
    /// The call that made it.
    pub(crate) by: Option<Site>,
}

/// A remove lock that was initialised.
#[derive(Debug, Default)]
struct RemoveLock {
    acquisitions: Vec<Acquisition>,
    /// `true` if `IoReleaseRemoveLockAndWait` was called.
    removed: bool,
}

/// All remove locks of a cycle, by address.
#[derive(Debug, Default)]
pub(crate) struct RemoveLocks(BTreeMap<usize, RemoveLock>);

impl RemoveLocks {
    /// Returns `true` if there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a lock. Returns `false` if there is one already.
    pub(crate) fn add(&mut self, lock: usize) -> bool {
        self.0.insert(lock, RemoveLock::default()).is_none()
    }

    /// Acquires a lock. Returns `false` if it is being removed; `None` if there is no such
    /// lock.
    pub(crate) fn acquire(&mut self, lock: usize, acquisition: Acquisition) -> Option<bool> {
        let lock = self.0.get_mut(&lock)?;
        if !lock.removed {
            lock.acquisitions.push(acquisition);
        }
        Some(!lock.removed)
    }

    /// Releases the acquisition with this tag. Returns `false` if there is none.
    pub(crate) fn release(&mut self, lock: usize, tag: usize) -> Option<bool> {
        let lock = self.0.get_mut(&lock)?;
        let found = lock.acquisitions.iter().position(|it| it.tag == tag);
        if let Some(index) = found {
            lock.acquisitions.remove(index);
        }
        Some(found.is_some())
    }

    /// Begins to remove a lock.
    pub(crate) fn remove(&mut self, lock: usize) {
        if let Some(lock) = self.0.get_mut(&lock) {
            lock.removed = true;
        }
    }

    /// An acquisition of a lock that was not released.
    pub(crate) fn acquired(&self, lock: usize) -> Option<Acquisition> {
        self.0.get(&lock)?.acquisitions.first().copied()
    }

    /// An acquisition of a lock in `memory` that was not released.
    pub(crate) fn within(&self, memory: &Range<usize>) -> Option<Acquisition> {
        let mut locks = self.0.range(memory.clone());
        locks.find_map(|(_, lock)| lock.acquisitions.first().copied())
    }

    /// Forgets the locks in `memory`, which is no longer in use.
    pub(crate) fn forget_within(&mut self, memory: &Range<usize>) {
        self.0.retain(|lock, _| !memory.contains(lock));
    }

    /// An acquisition that a driver has made and not released.
    pub(crate) fn acquired_by(&self, driver: DriverId) -> Option<Acquisition> {
        let mut all = self.0.values().flat_map(|lock| &lock.acquisitions);
        let mine = all.find(|it| it.by.is_some_and(|by| by.driver == driver));
        mine.copied()
    }
}
