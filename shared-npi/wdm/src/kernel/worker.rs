// SPDX-License-Identifier: MIT OR Apache-2.0

//! Workers: system threads that run each time they are woken.
//!
//! [`Worker::join`] ends a [`Worker`], and waits for that at `PASSIVE_LEVEL`. A drop must not
//! wait, because a cleanup callback, which may run at `DISPATCH_LEVEL`, may drop the owner of
//! the worker. So dropping a worker that has not been joined stops it and puts its memory on a
//! list of the image; the library joins the threads on that list at the end of the unload, or
//! of an entry that fails. Threads are also counted: if one is left that is on no list, because
//! its worker is in a `static` or was leaked by `mem::forget`, the unload bug-checks.

use alloc::boxed::Box;
use core::ffi::c_void;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use nmr::inbox::{Inbox, Item, Link};
use nmr::irql::PassiveLevel;
use nmr::memory::{MAX_SIZE, try_box};
use nmr::{Result, SpinLock};

use super::event::Event;
use super::thread::{self, Thread};

/// The work of a worker, and the state that it shares with the threads that wake it.
pub trait Work: Send + Sync + 'static {
    /// Does the work. Called on the worker's thread at least once after each wake, unless the
    /// worker is stopped first. Several wakes may result in one call.
    /// IRQL = `PASSIVE_LEVEL`.
    fn run(&self, running: &Running<'_>);
}

/// The argument of [`Work::run`], for use on the worker's thread.
pub struct Running<'run> {
    head: &'run Head,
    passive: PassiveLevel<'run>,
}

impl<'run> Running<'run> {
    /// The proof of the thread's IRQL.
    #[must_use]
    pub const fn passive(&self) -> &PassiveLevel<'run> {
        &self.passive
    }

    /// Suspends the thread for `milliseconds`, or until the worker is stopped, so that a join,
    /// such as that of an unload, does not wait for the end of the pause.
    /// IRQL = `PASSIVE_LEVEL`.
    pub fn pause(&self, milliseconds: u16) {
        if !self.head.stop.load(Ordering::Acquire) {
            self.head.stopped.wait_for(milliseconds, &self.passive);
        }
    }
}

/// A system thread that runs a [`Work`], which it owns.
///
/// Dropping a worker that has not been [joined](Self::join) stops the thread and does not wait.
/// The library joins the thread, and drops the work, at the end of the unload or of the failed
/// entry. A worker that has been joined drops the work at once. IRQL of the drop <=
/// `DISPATCH_LEVEL`.
///
/// # Invariants
///
/// `block` came from a box and is valid. Its other user, the thread, has ended once
/// `Head::thread` is empty.
#[must_use = "dropping a worker stops its thread"]
pub struct Worker<W: Work> {
    block: NonNull<Block<W>>,
}

/// The memory that a worker and its thread share.
#[repr(C)]
struct Block<W> {
    head: Head,
    work: W,
}

/// The part of a block that does not depend on the type of its work. The link is first, so that
/// a pointer to a block is also a pointer to its link.
#[repr(C)]
struct Head {
    link: Link,
    wake: Event,
    /// Ends a pause; set after `stop`.
    stopped: Event,
    stop: AtomicBool,
    /// The thread, until it is joined.
    thread: SpinLock<Option<Thread>>,
    /// Frees the block of this head, whose thread has ended.
    free: unsafe fn(NonNull<Head>),
}

// SAFETY: the pointer is to a block, which is `Sync` because its parts are, and which
// the worker owns together with the thread, whatever thread the worker is on.
unsafe impl<W: Work> Send for Worker<W> {}
// SAFETY: a shared worker gives out shared references to the block only, which is
// `Sync`.
unsafe impl<W: Work> Sync for Worker<W> {}

impl<W: Work> Worker<W> {
    /// Starts a worker for `work`. Its thread waits until it is woken.
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`, or the status of `PsCreateSystemThread`.
    pub fn start(work: W, passive: &PassiveLevel<'_>) -> Result<Self> {
        const {
            assert!(
                size_of::<Block<W>>() <= MAX_SIZE,
                "a work has at most 4 KiB: keep what is larger in a box"
            );
        }
        let block = try_box(Block {
            head: Head {
                link: Link::new(),
                wake: Event::uninitialized(),
                stopped: Event::uninitialized(),
                stop: AtomicBool::new(false),
                thread: SpinLock::new(None),
                free: free::<W>,
            },
            work,
        })?;
        // Dropping the worker frees the block from here on.
        let worker = Self {
            block: NonNull::from(Box::leak(block)),
        };
        // SAFETY: the block is in the pool, where it stays until it is freed, and
        // nothing has used the event yet.
        unsafe { worker.head().wake.initialize() };
        // SAFETY: the block is in the pool, where it stays until it is freed, and
        // nothing has used the event yet.
        unsafe { worker.head().stopped.initialize() };
        // SAFETY: `run::<W>` takes a block of this type, which is freed only after
        // the thread is joined.
        let thread = unsafe { Thread::start(run::<W>, worker.block.as_ptr().cast(), passive) }?;
        worker.head().thread.with(|place| *place = Some(thread));
        Ok(worker)
    }

    /// Wakes the worker: its work runs once more, unless it is stopped first.
    /// IRQL <= `DISPATCH_LEVEL`.
    pub fn wake(&self) {
        self.head().wake.set();
    }

    /// Stops the thread after its current run, and waits until it has ended. Returns at once if
    /// it has been joined before. On the worker's own thread, or on a thread for which its work
    /// waits, this never returns. IRQL = `PASSIVE_LEVEL`.
    pub fn join(&mut self, passive: &PassiveLevel<'_>) {
        self.head().join(passive);
    }

    const fn head(&self) -> &Head {
        // SAFETY: the block is valid as long as the worker, by the invariant.
        &unsafe { self.block.as_ref() }.head
    }
}

impl<W: Work> Deref for Worker<W> {
    type Target = W;

    /// The work. Any IRQL.
    fn deref(&self) -> &W {
        // SAFETY: the block is valid as long as the worker, by the invariant.
        &unsafe { self.block.as_ref() }.work
    }
}

impl<W: Work> Drop for Worker<W> {
    fn drop(&mut self) {
        let has_ended = self.head().thread.with(|thread| thread.is_none());
        let head = self.block.cast();
        if has_ended {
            // SAFETY: the thread has ended or was never started, and the worker, the
            // only other owner of the block, is being dropped.
            unsafe { free::<W>(head) };
        } else {
            self.head().stop();
            DROPPED.add(Dropped(head));
        }
    }
}

impl Head {
    /// Makes the thread end after its current run. IRQL <= `DISPATCH_LEVEL`.
    fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.stopped.set();
        self.wake.set();
    }

    /// Stops the thread, and waits until it has ended. IRQL = `PASSIVE_LEVEL`.
    fn join(&self, passive: &PassiveLevel<'_>) {
        self.stop();
        if let Some(thread) = self.thread.with(Option::take) {
            thread.join(passive);
        }
    }
}

/// Frees a block. The drop of the work determines the IRQL.
///
/// # Safety
///
/// `head` begins a `Block<W>` that came from a box, whose thread has ended, and which
/// nothing uses any more.
unsafe fn free<W>(head: NonNull<Head>) {
    // SAFETY: the block came from a box, and nothing else uses it, by this function's
    // contract.
    drop(unsafe { Box::from_raw(head.cast::<Block<W>>().as_ptr()) });
}

/// The routine of a worker's thread. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// `block` leads to a `Block<W>` that outlives the thread.
unsafe extern "C" fn run<W: Work>(block: *mut c_void) {
    // SAFETY: the block outlives the thread by this function's contract.
    let block = unsafe { &*block.cast::<Block<W>>() };
    let running = Running {
        head: &block.head,
        // SAFETY: a system thread starts at `PASSIVE_LEVEL`, and a `Work` that raises the IRQL
        // lowers it again before it returns.
        passive: unsafe { PassiveLevel::assume() },
    };
    // A stop is stored before the events are set.
    let is_stopped = || block.head.stop.load(Ordering::Acquire);
    while !is_stopped() {
        block.head.wake.wait(&running.passive);
        if !is_stopped() {
            block.work.run(&running);
        }
    }
    // SAFETY: this is the last call of the thread, and no local value needs a drop.
    unsafe { thread::exit(&running.passive) };
}

/// The workers that were dropped before they were joined.
static DROPPED: Inbox<Dropped> = Inbox::new();

/// A worker that was dropped, without the type of its work.
///
/// # Invariants
///
/// It points to the start of a block that came from a box, whose thread has been stopped and
/// not joined, and which it owns together with the thread.
struct Dropped(NonNull<Head>);

// SAFETY: a block belongs to no thread: its work is `Send` and `Sync`.
unsafe impl Send for Dropped {}

// SAFETY: the link is the first field of the first field of the block, both of which
// are `repr(C)`, and the block is neither freed nor its link touched before
// `from_link`.
unsafe impl Item for Dropped {
    fn into_link(self) -> NonNull<Link> {
        self.0.cast()
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        Self(link.cast())
    }
}

impl Dropped {
    /// Waits until the thread has ended, and frees the block. IRQL = `PASSIVE_LEVEL`.
    fn join(self, passive: &PassiveLevel<'_>) {
        // SAFETY: the block is valid by the invariant.
        let head = unsafe { self.0.as_ref() };
        head.join(passive);
        let free = head.free;
        // SAFETY: the thread was joined, and `self`, the other owner, is consumed.
        unsafe { free(self.0) };
    }
}

/// Joins the threads of all workers that were dropped, including those that are dropped during
/// the call. IRQL = `PASSIVE_LEVEL`.
pub(crate) fn join_dropped(passive: &PassiveLevel<'_>) {
    loop {
        let mut dropped = DROPPED.take_all().peekable();
        if dropped.peek().is_none() {
            break;
        }
        dropped.for_each(|worker| worker.join(passive));
    }
}
