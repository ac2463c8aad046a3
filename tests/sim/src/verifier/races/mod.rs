// SPDX-License-Identifier: MIT OR Apache-2.0

//! Data races: two threads access the same bytes of driver memory, one of them writes, and
//! nothing orders the two accesses.
//!
//! # Design
//!
//! The code of the drivers is mapped with a recorder before each instruction that accesses
//! memory ([`accesses`](crate::hardware::accesses)). For each eight bytes the latest
//! accesses are kept ([`shadow`]), and vector clocks
//! ([`clocks`](crate::scheduling::clocks)) say whether one that conflicts is ordered before
//! the present one: by locks, events and what else drivers use ([`order`]), by what the
//! kernel itself orders, such as `DriverEntry` before callbacks, and by atomic instructions.
//! So a race is found whenever both accesses happen in a cycle, however far apart: it need
//! not have had an effect. Watchpoints with stalls, as KCSAN has them, would need the two to
//! meet; here all threads run on one, each access is seen in order, and clocks cost less
//! than the cycles that a meeting takes.
//!
//! A report needs the call stack of the earlier access, too. It is not kept: the cycle runs
//! once more, and the access with this number is described when it happens.
//!
//! # Which accesses conflict
//!
//! Machine code does not say what the source calls `volatile` or atomic: on x64 the loads
//! and stores of Rust's atomics, `ReadAcquire` and `WriteRelease` are plain `mov`s. Windows
//! promises that an aligned load or store of at most eight bytes is one step. So these are
//! taken for intended: they order what is before the store and behind the load that finds
//! its value, and do not race with each other. What no such access is for is a race:
//!
//! - two updates that are not one step, such as `++`, or one and a store: one is lost;
//!   a load and a store of a word in one run of code are an update, too, as where an item
//!   is added to a list;
//! - an access of more than one word, or that is not aligned, and a write: it is torn;
//! - any access and the freeing of its block: it may come after that as well.
//!
//! At `DISPATCH_LEVEL` and above two threads on one processor do not interrupt each other,
//! and do not race there.
//!
//! # Cost
//!
//! A cycle with the detector takes up to three times as long as one without. By default one
//! cycle in six has it, which its own draw decides: all of a race is recorded in such a
//! cycle, where a share of the accesses in each cycle would rarely have both sides of it.
//!
//! # Limits
//!
//! A flag or pointer that ought to be `volatile` or atomic and is not is no finding: the
//! compiler may reorder it, but this image shows what the compiler has done. Of what the
//! simulated kernel itself reads and writes, only the blocks of `memcpy` and its like are
//! recorded ([`blocks`]). Accesses to a function's own frame by its stack pointer are not.

pub(crate) mod blocks;
mod order;
pub(crate) mod recorder;
mod report;
mod shadow;
mod switches;

use std::collections::BTreeMap;

use crate::hardware::accesses::AccessPoint;
use crate::kernel::State;
use crate::loader::drivers::Site;

use order::Orders;
pub(crate) use order::{begin_routine, call, end_routine, returned};
use report::Described;
use shadow::Shadow;
pub(crate) use switches::Switches;

/// What is known of accesses in a cycle.
#[derive(Debug, Default)]
pub(crate) struct Races {
    /// `true` if accesses are recorded.
    enabled: bool,
    /// `true` if races are reported.
    reports: bool,
    /// `true` if threads are preempted at atomic instructions.
    preempts: bool,
    /// At which other accesses they are preempted.
    switches: Option<Switches>,
    /// The accesses that are recorded, by number.
    points: Vec<AccessPoint>,
    calls: blocks::Calls,
    shadow: Shadow,
    /// The memory in which races are meant to be, by its start.
    excused: BTreeMap<usize, usize>,
    orders: Orders,
    /// The number of accesses so far.
    passed: u64,
    /// The access that is to be described when it happens.
    wanted: Option<u64>,
    /// Its description.
    described: Option<Described>,
    /// The earlier access of the race that was found.
    earlier: Option<u64>,
}

impl Races {
    /// Reports races if `reports`. Threads may be switched at atomic instructions if
    /// `preempts`, and at the accesses that `switches` draws. The access with the number
    /// `wanted` is described.
    pub(crate) fn new(
        reports: bool,
        preempts: bool,
        switches: Option<Switches>,
        wanted: Option<u64>,
    ) -> Self {
        Self {
            enabled: reports || switches.is_some(),
            reports,
            preempts,
            switches,
            wanted,
            ..Self::default()
        }
    }

    pub(crate) const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Adds the accesses of an image that was mapped.
    pub(crate) fn add(&mut self, points: Vec<AccessPoint>) {
        self.points.extend(points);
    }

    /// Returns `true` for memory in which races are meant to be.
    fn is_excused(&self, address: usize) -> bool {
        let before = self.excused.range(..=address).next_back();
        before.is_some_and(|(start, size)| address < start + size)
    }

    /// The address of the instruction, or of the call, that makes an access.
    fn home(&self, point: u32) -> usize {
        let call = self.calls.home(point);
        call.unwrap_or_else(|| self.points[point as usize].home)
    }

    /// The number of the earlier access of a race that was found without its description.
    pub(crate) const fn undescribed(&self) -> Option<u64> {
        match self.described {
            None => self.earlier,
            Some(_) => None,
        }
    }
}

/// Races in this memory are meant to be: what counts there may lose an update.
pub(crate) fn excuse(state: &mut State, start: usize, size: usize) {
    state.verifier.races.excused.insert(start, size);
}

/// This memory has another use from now on.
pub(crate) fn excuse_no_more(state: &mut State, start: usize) {
    state.verifier.races.excused.remove(&start);
}

/// A block of memory is new: what was done to its addresses before does not count.
pub(crate) fn allocated(state: &mut State, start: usize, size: usize) {
    let races = &mut state.verifier.races;
    if races.enabled {
        races.shadow.forget(start, size);
    }
}

/// The code at `by` frees a block of memory: an access that is not ordered before may
/// come after.
pub(crate) fn freed(state: &mut State, start: usize, size: usize, by: Option<Site>) {
    if state.verifier.races.enabled {
        if state.verifier.races.reports {
            report::check_free(state, start, size, by);
        }
        state.verifier.races.shadow.forget(start, size);
    }
}
