// SPDX-License-Identifier: MIT OR Apache-2.0

//! Locks, their holders and their order, as in the deadlock detection of Driver Verifier.
//!
//! Orders are recorded for the whole cycle. Two locks that are acquired in both orders are
//! a finding even if this schedule has not deadlocked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::findings::bug_check;
use crate::findings::caller::caller;
use crate::findings::{stop, stop_at};
use crate::hardware::arena::POOL;
use crate::hardware::irql::{DISPATCH_LEVEL, Irql};
use crate::kernel::{State, with};
use crate::loader::drivers::{DriverId, Site};
use crate::memory::pageable::set_irql;
use crate::memory::variables::variable;
use crate::scheduling::clocks::Sync;
use crate::scheduling::{Attachment, EnteredRegion, SavedState, ThreadId, Waitable, block};
use crate::verifier::nmr_lock_order;
use crate::verifier::routine::EntryState;

/// What a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockKind {
    Spin,
    FastMutex,
    GuardedMutex,
    PushLock,
    Resource,
    Mutex,
    /// Of the driver framework.
    WaitLock,
}

impl LockKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Spin => "a spin lock",
            Self::FastMutex => "a fast mutex",
            Self::GuardedMutex => "a guarded mutex",
            Self::PushLock => "a push lock",
            Self::Resource => "an ERESOURCE",
            Self::Mutex => "a mutex",
            Self::WaitLock => "a wait lock",
        }
    }

    /// Returns `true` if its holder may acquire it again.
    pub(crate) const fn is_recursive(self) -> bool {
        matches!(self, Self::Resource | Self::Mutex)
    }
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Shared,
    Exclusive,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Exclusive => "exclusive",
        }
    }
}

/// A lock that is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldLock {
    pub(crate) address: usize,
    pub(crate) kind: LockKind,
    pub(crate) mode: Mode,
    pub(crate) thread: ThreadId,
    pub(crate) by: Option<Site>,
}

/// By which functions a spin lock is acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    /// In-stack queued.
    Queued,
}

/// All locks of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    /// In the order in which they were taken.
    held: Vec<HeldLock>,
    /// Which locks were taken while the key was held.
    order: BTreeMap<usize, BTreeSet<usize>>,
    /// How each spin lock was acquired first.
    ways: BTreeMap<usize, Way>,
    /// The orders that do not count for a thread as long as it holds the second
    /// lock.
    own: BTreeSet<(ThreadId, usize, usize)>,
}

impl Locks {
    /// What a thread holds, the oldest first.
    pub(crate) fn of(&self, thread: ThreadId) -> impl Iterator<Item = &HeldLock> {
        self.held.iter().filter(move |held| held.thread == thread)
    }

    /// The holders of the lock at `address`.
    pub(crate) fn holders(&self, address: usize) -> impl Iterator<Item = &HeldLock> {
        self.held.iter().filter(move |held| held.address == address)
    }

    /// A held lock in a range of memory.
    pub(crate) fn within(&self, memory: &Range<usize>) -> Option<HeldLock> {
        let inside = |held: &&HeldLock| memory.contains(&held.address);
        self.held.iter().find(inside).copied()
    }

    /// A lock that a driver's code acquired and that was not released.
    pub(crate) fn taken_by(&self, driver: DriverId) -> Option<HeldLock> {
        let mine = |held: &&HeldLock| held.by.is_some_and(|by| by.driver == driver);
        self.held.iter().find(mine).copied()
    }

    /// Records that a spin lock is acquired in this way. Returns the first way.
    pub(crate) fn use_as(&mut self, address: usize, way: Way) -> Way {
        *self.ways.entry(address).or_insert(way)
    }

    pub(crate) fn push(&mut self, held: HeldLock) {
        self.held.push(held);
    }

    /// Takes back the youngest hold of a thread on a lock.
    pub(crate) fn remove(&mut self, address: usize, thread: ThreadId) -> Option<HeldLock> {
        let mine = |held: &HeldLock| held.address == address && held.thread == thread;
        let index = self.held.iter().rposition(mine)?;
        let removed = self.held.remove(index);
        if !self.held.iter().any(mine) {
            self.own
                .retain(|&(of, _, then)| (of, then) != (thread, address));
        }
        Some(removed)
    }

    /// Changes how a thread holds a lock.
    pub(crate) fn convert(&mut self, address: usize, thread: ThreadId, mode: Mode) {
        for held in &mut self.held {
            if held.address == address && held.thread == thread {
                held.mode = mode;
            }
        }
    }

    fn leads(&self, from: usize, to: usize) -> bool {
        if !self.order.contains_key(&from) {
            return from == to;
        }
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(lock) = open.pop() {
            if lock == to {
                return true;
            }
            if seen.insert(lock) {
                open.extend(self.order.get(&lock).into_iter().flatten());
            }
        }
        false
    }

    /// Puts `first` before `then`. Returns `false` if it came after that
    /// before.
    pub(crate) fn put_before(&mut self, first: usize, then: usize) -> bool {
        let inverted = self.leads(then, first);
        self.order.entry(first).or_default().insert(then);
        self.own.retain(|&(_, a, b)| (a, b) != (first, then));
        !inverted
    }

    /// Puts `first` before `then`, but for `thread` as long as it holds `then`:
    /// see [`withdraw`](Self::withdraw).
    pub(crate) fn put_before_for_others(
        &mut self,
        first: usize,
        then: usize,
        thread: ThreadId,
    ) -> bool {
        let after = self.order.get(&first);
        if after.is_some_and(|after| after.contains(&then)) {
            return true;
        }
        let kept = self.put_before(first, then);
        self.own.insert((thread, first, then));
        kept
    }

    /// Takes back that `first` comes before `then` where only this thread has
    /// made it so, and has held `then` ever since.
    pub(crate) fn withdraw(&mut self, first: usize, then: usize, thread: ThreadId) {
        if self.own.remove(&(thread, first, then))
            && let Some(after) = self.order.get_mut(&first)
        {
            after.remove(&then);
        }
    }

    /// Forgets in which order a lock was taken: it becomes another one.
    fn forget(&mut self, address: usize) {
        self.order.remove(&address);
        self.ways.remove(&address);
        for after in self.order.values_mut() {
            after.remove(&address);
        }
    }

    /// Forgets the locks in memory that is used again.
    pub(crate) fn forget_within(&mut self, memory: &Range<usize>) {
        let inside: Vec<_> = self
            .order
            .range(memory.clone())
            .map(|(&at, _)| at)
            .collect();
        for address in inside {
            self.order.remove(&address);
        }
        self.ways.retain(|address, _| !memory.contains(address));
        for after in self.order.values_mut() {
            after.retain(|address| !memory.contains(address));
        }
    }

    /// Records that a thread acquires a lock. Returns a lock that it holds and that was acquired
    /// after this one before, and whether that was with no other lock in between.
    pub(crate) fn follow(&mut self, address: usize, thread: ThreadId) -> Option<(HeldLock, bool)> {
        let held: Vec<_> = self.of(thread).copied().collect();
        if held.iter().any(|held| held.address == address) {
            return None;
        }
        let inverted = held
            .iter()
            .find(|held| self.leads(address, held.address))
            .map(|held| {
                let after = self.order.get(&address);
                (*held, after.is_some_and(|it| it.contains(&held.address)))
            });
        for held in held {
            self.order.entry(held.address).or_default().insert(address);
        }
        inverted
    }
}

/// The entry for a lock that the current thread takes.
pub(crate) fn hold(state: &State, address: usize, kind: LockKind, mode: Mode) -> HeldLock {
    HeldLock {
        address,
        kind,
        mode,
        thread: state.scheduling.current_id(),
        by: caller(state),
    }
}

/// Acquires a lock unless another thread holds it in a conflicting mode.
fn try_take(state: &mut State, address: usize, kind: LockKind, mode: Mode) -> bool {
    let me = state.scheduling.current_id();
    let free = state
        .verifier
        .locks
        .holders(address)
        .all(|held| held.thread == me || (mode == Mode::Shared && held.mode == Mode::Shared));
    if free {
        let held = hold(state, address, kind, mode);
        state.verifier.locks.push(held);
        state.scheduling.acquire(Sync::Object(address));
        if mode == Mode::Exclusive {
            state.scheduling.acquire(Sync::Readers(address));
        }
    }
    free
}

/// Returns `true` if the current thread would deadlock with itself.
fn is_own(state: &State, address: usize, kind: LockKind, mode: Mode) -> bool {
    let me = state.scheduling.current_id();
    let mut mine = state
        .verifier
        .locks
        .of(me)
        .filter(|held| held.address == address);
    let upgrade = |held: &HeldLock| mode == Mode::Exclusive && held.mode == Mode::Shared;
    mine.any(|held| !kind.is_recursive() || upgrade(held))
}

/// The acquisition of a spin lock whose holder has lowered its IRQL since.
fn lost_by(state: &State, address: usize) -> Option<Site> {
    let lowered = |held: &&HeldLock| state.scheduling.thread(held.thread).irql < DISPATCH_LEVEL;
    state.verifier.locks.holders(address).find(lowered)?.by
}

/// Acquires a lock; waits for it if necessary.
pub(crate) fn acquire(address: usize, kind: LockKind, mode: Mode) {
    check_order(address, kind);
    let name = kind.name();
    if with(|state| is_own(state, address, kind, mode)) {
        let what = format!("{name} was acquired by the thread that holds it");
        stop(("0xC4", [0x1000, address, 0, 0]), what);
    }
    while !with(|state| try_take(state, address, kind, mode)) {
        if kind == LockKind::Spin
            && let Some(by) = with(|state| lost_by(state, address))
        {
            let what = "a spin lock is held by a thread that has lowered its IRQL";
            stop_at("0xC4", what.to_owned(), Some(by));
        }
        block(Waitable::Object(address), None);
    }
}

/// Acquires a lock if that needs no wait.
pub(crate) fn try_acquire(address: usize, kind: LockKind, mode: Mode) -> bool {
    with(|state| !is_own(state, address, kind, mode) && try_take(state, address, kind, mode))
}

/// Releases a lock by a function for locks that are held in this mode.
pub(crate) fn release_in(address: usize, kind: LockKind, mode: Mode) {
    let held = with(|state| {
        let me = state.scheduling.current_id();
        let held = state.verifier.locks.holders(address).last();
        held.filter(|it| it.thread == me).copied()
    });
    if let Some(held) = held.filter(|held| held.mode != mode) {
        let what = format!(
            "{} that is held {} was released as one that is held {}",
            kind.name(),
            held.mode.name(),
            mode.name()
        );
        stop("0xC4", what);
    }
    release(address, kind);
}

/// Releases a lock.
pub(crate) fn release(address: usize, kind: LockKind) {
    let released = with(|state| {
        let me = state.scheduling.current_id();
        let held = state.verifier.locks.remove(address, me);
        if let Some(held) = held {
            state.scheduling.release(match held.mode {
                Mode::Exclusive => Sync::Object(address),
                Mode::Shared => Sync::Readers(address),
            });
            state.scheduling.wake_all(Waitable::Object(address));
        }
        held.is_some()
    });
    if !released {
        let (owner, me) = with(|state| {
            let owner = state
                .verifier
                .locks
                .holders(address)
                .next()
                .map(|held| held.thread);
            let object = |id| state.scheduling.thread(id).object;
            (owner.map(object), object(state.scheduling.current_id()))
        });
        let code = match owner {
            Some(owner) => [0x1004, address, owner, me],
            None => [0x1007, address, 0, 0],
        };
        let name = kind.name();
        let what = format!("{name} was released by a thread that does not hold it");
        stop(("0xC4", code), what);
    }
}

/// A lock must not be initialised while it is held, and is a new one then.
pub(crate) fn initialize(address: usize, kind: LockKind) {
    if with(|state| state.verifier.locks.holders(address).next().is_some()) {
        let name = kind.name();
        stop(
            ("0xC4", [0x1005, address, 0, 0]),
            format!("{name} was initialised while it is held"),
        );
    }
    with(|state| state.verifier.locks.forget(address));
}

fn cancel_lock() -> usize {
    with(|state| variable(state, "IopCancelSpinLock"))
}

/// Takes the cancel spin lock. Returns the IRQL before.
pub(crate) fn acquire_cancel() -> Irql {
    let old = with(|state| state.scheduling.current().irql);
    with(|state| set_irql(state, DISPATCH_LEVEL));
    acquire(cancel_lock(), LockKind::Spin, Mode::Exclusive);
    old
}

/// Gives it back; the IRQL is the caller's to lower.
pub(crate) fn release_cancel() {
    release(cancel_lock(), LockKind::Spin);
}

/// `a fast mutex, Lock (client.sys+0x3010)`.
fn show(state: &State, address: usize, kind: LockKind) -> String {
    let drivers = &state.loader.drivers;
    let variable = drivers
        .site(address)
        .map(|site| drivers.show_variable(site));
    let in_block = || {
        let block = POOL
            .contains(&address)
            .then(|| state.memory.pool.near(address))??;
        let by = drivers.show(block.owner?);
        let offset = address.checked_sub(block.start)?;
        Some(format!(
            "at offset {offset:#x} of the block that {by} allocated"
        ))
    };
    match variable.or_else(in_block) {
        Some(place) => format!("{}, {place},", kind.name()),
        None => kind.name().to_owned(),
    }
}

/// Locks are always taken in the same order.
pub(crate) fn check_order(address: usize, kind: LockKind) {
    let inverted = with(|state| {
        let me = state.scheduling.current_id();
        state.verifier.locks.follow(address, me)
    });
    if let Some((held, is_direct)) = inverted {
        let (name, other) = with(|state| {
            let show = |address, kind| show(state, address, kind);
            (show(address, kind), show(held.address, held.kind))
        });
        let how = if is_direct {
            "both were taken in the other order before"
        } else {
            "they were taken in the other order before, with other locks in between"
        };
        let what = format!("{name} was acquired while {other} was held, and {how}");
        stop(("0xC4", [0x1001, address, 0, 0]), what);
    }
    nmr_lock_order::check(address, kind.name());
}

/// What a routine must not keep when it returns: locks that it has taken, regions in which APCs
/// are disabled, and the process to which it has attached the thread.
pub(crate) fn check_none_taken(routine: &str, before: EntryState, site: Option<Site>) {
    /// What is called by the kernel is no system call.
    const WORKER_ROUTINE: usize = 1;

    let (held, (regions, entered), attached, saved) = with(|state| {
        let me = state.scheduling.current_id();
        let held = state.verifier.locks.of(me).nth(before.held).copied();
        let current = state.scheduling.current();
        let attached = current.attached.get(before.attached).copied();
        let saved = current.saved.get(before.saved).copied();
        let entered = current.regions.get(before.regions).copied();
        (held, (current.regions.len(), entered), attached, saved)
    });
    if let Some(held) = held {
        let what = format!("{routine} returned with {} held", held.kind.name());
        stop_at("0xC4", what, held.by.or(site));
    }
    if regions != before.regions {
        let what = match entered {
            Some(EnteredRegion { region, .. }) => {
                format!(
                    "{routine} returned in {} that was entered here",
                    region.name()
                )
            }
            None => format!("{routine} left a region in which it was called"),
        };
        let count = before.regions.wrapping_sub(regions) & 0xFFFF;
        let routine = with(|state| bug_check::address_of(state, site));
        let code = [routine, 0, count, WORKER_ROUTINE];
        let by = entered.and_then(|it| it.by);
        stop_at(("0x1", code), what, by.or(site));
    }
    if let Some(Attachment { process, by, .. }) = attached {
        let what =
            format!("{routine} returned attached to a process: KeUnstackDetachProcess is missing");
        stop_at(("0x5", [process, process, 1, 0]), what, by.or(site));
    }
    if let Some(SavedState { by, .. }) = saved {
        let what = format!(
            "{routine} returned with a saved extended processor state: \
             KeRestoreExtendedProcessorState is missing"
        );
        stop_at("0xC4", what, by.or(site));
    }
}
