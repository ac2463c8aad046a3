// SPDX-License-Identifier: MIT OR Apache-2.0

//! Vector clocks: they show which of two events on different threads is ordered before the
//! other by synchronisation, whatever the schedule was.
//!
//! A thread releases to an object what it has done so far, and another thread acquires that
//! from the object. Both are no-ops in a cycle without a search for data races.

use std::rc::Rc;

use hashbrown::HashMap;

use crate::scheduling::thread::ThreadId;

/// What threads synchronise with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sync {
    /// The object, lock or word at this address.
    Object(usize),
    /// Those who hold the lock at this address at the same time.
    Readers(usize),
    /// What the kernel orders before it calls routines of the driver with this number:
    /// their registration.
    Registered(usize),
    /// What the kernel waits for before the driver with this number is unloaded: its
    /// routines that the kernel has called.
    Returned(usize),
    /// The registrar of network modules.
    Nmr,
    /// The driver framework.
    Framework,
    /// An interrupt of all processors.
    Broadcast,
    /// Threads of the kernel that have ended.
    Ended,
    /// DPCs and timers that have ended, for which only those wait that ask for it.
    Unwaited,
}

/// A moment of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) thread: u32,
    pub(crate) clock: u32,
}

/// For each thread, the last of its moments that is ordered before.
type Clock = Vec<u32>;

/// The clock of one thread.
#[derive(Debug)]
struct Known {
    now: Clock,
    /// What it knew of the others from which of its own moments on.
    history: Vec<(u32, Rc<[u32]>)>,
}

/// The clocks of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    enabled: bool,
    threads: Vec<Known>,
    released: HashMap<Sync, Clock>,
    /// The stacks of threads that have begun, until somebody has taken note.
    pub(crate) new_stacks: Vec<usize>,
}

fn join(into: &mut Clock, from: &[u32]) -> bool {
    if into.len() < from.len() {
        into.resize(from.len(), 0);
    }
    let mut changed = false;
    for (mine, theirs) in into.iter_mut().zip(from) {
        if *mine < *theirs {
            *mine = *theirs;
            changed = true;
        }
    }
    changed
}

impl Clocks {
    /// Keeps clocks from now on.
    pub(crate) const fn enable(&mut self) {
        self.enabled = true;
    }

    /// A thread begins: what its creator has done so far is ordered before.
    pub(in crate::scheduling) fn begin(
        &mut self,
        thread: ThreadId,
        creator: Option<ThreadId>,
        stack: usize,
    ) {
        if !self.enabled {
            return;
        }
        self.new_stacks.push(stack);
        let mut now = creator.map_or_else(Clock::new, |creator| {
            let now = self.threads[creator.0].now.clone();
            self.tick(creator);
            now
        });
        now.resize(now.len().max(thread.0 + 1), 0);
        now[thread.0] = 1;
        let history = vec![(1, Rc::from(&now[..]))];
        debug_assert_eq!(self.threads.len(), thread.0, "threads are numbered");
        self.threads.push(Known { now, history });
    }

    fn tick(&mut self, thread: ThreadId) {
        self.threads[thread.0].now[thread.0] += 1;
    }

    /// The present moment of a thread.
    pub(crate) fn now(&self, thread: ThreadId) -> Epoch {
        Epoch {
            thread: u32::try_from(thread.0).expect("there are few"),
            clock: self.threads[thread.0].now[thread.0],
        }
    }

    /// The same; what the thread does next is another moment.
    pub(crate) fn release_moment(&mut self, thread: ThreadId) -> Epoch {
        let now = self.now(thread);
        self.tick(thread);
        now
    }

    /// Returns `true` if a moment is ordered before what `thread` does now.
    pub(crate) fn is_before(&self, moment: Epoch, thread: ThreadId) -> bool {
        let known = self.threads[thread.0].now.get(moment.thread as usize);
        known.is_some_and(|&clock| moment.clock <= clock)
    }

    /// All that the thread has done so far is released to `to`.
    pub(crate) fn release(&mut self, thread: ThreadId, to: Sync) {
        if self.enabled {
            let released = self.released.entry(to).or_default();
            join(released, &self.threads[thread.0].now);
            self.tick(thread);
        }
    }

    /// All that was released to `from` is ordered before what the thread does next.
    pub(crate) fn acquire(&mut self, thread: ThreadId, from: Sync) {
        if self.enabled
            && let Some(released) = self.released.get(&from)
        {
            let known = &mut self.threads[thread.0];
            let changed = join(&mut known.now, released);
            known.record(thread, changed);
        }
    }

    /// A moment of another thread, and what was ordered before that, is ordered before what
    /// the thread does next.
    pub(crate) fn acquire_moment(&mut self, thread: ThreadId, moment: Epoch) {
        if !self.enabled || self.is_before(moment, thread) {
            return;
        }
        let other = &self.threads[moment.thread as usize].history;
        let behind = other.partition_point(|(clock, _)| *clock <= moment.clock);
        let snapshot = Rc::clone(&other[behind.saturating_sub(1)].1);
        let known = &mut self.threads[thread.0];
        join(&mut known.now, &snapshot);
        let own = &mut known.now[moment.thread as usize];
        *own = moment.clock.max(*own);
        known.record(thread, true);
    }

    /// What `from` has done so far is ordered before what `to` does next.
    pub(in crate::scheduling) fn hand_over(&mut self, from: ThreadId, to: ThreadId) {
        if self.enabled && from != to {
            let moment = self.release_moment(from);
            self.acquire_moment(to, moment);
        }
    }
}

impl Known {
    fn record(&mut self, thread: ThreadId, changed: bool) {
        if changed {
            // What it knows from now on is that of another moment.
            self.now[thread.0] += 1;
            self.history
                .push((self.now[thread.0], Rc::from(&self.now[..])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ThreadId = ThreadId(0);
    const B: ThreadId = ThreadId(1);
    const C: ThreadId = ThreadId(2);

    fn clocks() -> Clocks {
        let mut clocks = Clocks::default();
        clocks.enable();
        for thread in [A, B, C] {
            clocks.begin(thread, None, 0);
        }
        clocks
    }

    #[test]
    fn what_was_released_is_ordered_once_it_is_acquired() {
        let mut clocks = clocks();
        let (before, lock) = (clocks.now(A), Sync::Object(8));
        clocks.release(A, lock);
        let after = clocks.now(A);
        assert!(!clocks.is_before(before, B));
        clocks.acquire(B, lock);
        assert!(clocks.is_before(before, B));
        assert!(!clocks.is_before(after, B));
        assert!(!clocks.is_before(before, C));
    }

    #[test]
    fn order_is_handed_on_by_moments() {
        let mut clocks = clocks();
        let first = clocks.now(A);
        clocks.hand_over(A, B);
        let second = clocks.release_moment(B);
        clocks.acquire_moment(C, second);
        assert!(clocks.is_before(first, C));
        assert!(!clocks.is_before(clocks.now(B), C));
    }

    #[test]
    fn a_thread_begins_behind_its_creator() {
        let mut clocks = clocks();
        let before = clocks.now(B);
        clocks.begin(ThreadId(3), Some(B), 0);
        assert!(clocks.is_before(before, ThreadId(3)));
        assert!(!clocks.is_before(clocks.now(B), ThreadId(3)));
    }
}
