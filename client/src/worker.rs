// SPDX-License-Identifier: MIT OR Apache-2.0

//! The system threads that keep requests going, and their end.
//!
//! A thread runs the driver's code, so the driver must not unload before the
//! thread has ended: [`Worker::join`] waits for the thread itself. A flag that
//! the thread sets as its last act would not do, because after it the thread
//! has still to return, through the image.

use alloc::boxed::Box;
use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nmr::Result;
use nmr::inbox::Inbox;
use nmr::irql::PassiveLevel;
use nmr::memory::try_box;
use shared_npi::echo::client::{Ready, Submission};

use crate::EchoModule;
use crate::source::{ACTIVITY, publish};
use crate::thread::{Event, Thread, exit, sleep};

/// One in so many requests is cancelled once it pends. Odd, because a provider
/// may answer every second, fourth, eighth one at once.
const CANCEL_INTERVAL: u64 = 7;

/// Before one in so many requests the provider is asked for its statistics.
const QUERY_INTERVAL: u64 = 32;

/// After so many requests the subscribers are told how this driver fares.
const PUBLISH_INTERVAL: u64 = 8;

/// How long a worker leaves a provider alone that takes no request.
const BACK_OFF_MILLISECONDS: u16 = 1;

/// A system thread that submits the requests it is given. Dropping it joins
/// the thread.
pub(crate) struct Worker {
    desk: NonNull<Desk>,
    thread: Option<Thread>,
}

/// What the worker and its thread share.
#[derive(Default)]
struct Desk {
    inbox: Inbox<Ready<EchoModule>>,
    wake: Event,
    stop: AtomicBool,
    submitted: AtomicU64,
}

// SAFETY: the desk is `Sync`, and freed by the worker only.
unsafe impl Send for Worker {}
// SAFETY: as above.
unsafe impl Sync for Worker {}

impl Worker {
    /// Starts a worker. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`, or the kernel's own status.
    pub(crate) fn start(passive: &PassiveLevel<'_>) -> Result<Self> {
        let desk = NonNull::from(Box::leak(try_box(Desk::default())?));
        // From here on dropping the worker frees the desk.
        let mut worker = Self { desk, thread: None };
        // SAFETY: the desk is at its address for good, and nobody knows it yet.
        unsafe { worker.desk().wake.initialize() };
        // SAFETY: the desk is freed after the thread has been joined.
        let thread = unsafe { Thread::start(run, desk.as_ptr().cast(), passive) }?;
        worker.thread = Some(thread);
        Ok(worker)
    }

    /// Gives the worker a request. IRQL <= `DISPATCH_LEVEL`.
    pub(crate) fn add(&self, request: Ready<EchoModule>) {
        self.desk().inbox.add(request);
        self.desk().wake.set();
    }

    /// Lets the thread end, and waits until it has. IRQL = `PASSIVE_LEVEL`.
    pub(crate) fn join(&mut self, passive: &PassiveLevel<'_>) {
        self.desk().stop.store(true, Ordering::Release);
        self.desk().wake.set();
        if let Some(thread) = self.thread.take() {
            thread.join(passive);
        }
    }

    const fn desk(&self) -> &Desk {
        // SAFETY: the desk lives as long as the worker.
        unsafe { self.desk.as_ref() }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // SAFETY: a worker is dropped with its module, in `DriverEntry` or
        // `DriverUnload`, both at `PASSIVE_LEVEL`.
        let passive = unsafe { PassiveLevel::assume() };
        self.join(&passive);
        // SAFETY: the desk was leaked from a box, and its only other user, the
        // thread, has ended.
        drop(unsafe { Box::from_raw(self.desk.as_ptr()) });
    }
}

/// The thread: waits for requests and submits them, until it is stopped.
/// IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// `desk` is a [`Desk`] that outlives the thread.
unsafe extern "C" fn run(desk: *mut c_void) {
    // SAFETY: by this function's contract.
    let desk = unsafe { &*desk.cast::<Desk>() };
    // SAFETY: a system thread starts, and this one stays, at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    loop {
        // What comes after the wait sets the event again.
        desk.wake.wait(&passive);
        if desk.stop.load(Ordering::Acquire) {
            break;
        }
        desk.inbox
            .take_all()
            .for_each(|request| submit(desk, request, &passive));
    }
    // SAFETY: nothing is owned here.
    unsafe { exit(&passive) };
}

/// Submits a request. IRQL = `PASSIVE_LEVEL`.
fn submit(desk: &Desk, request: Ready<EchoModule>, passive: &PassiveLevel<'_>) {
    let id = desk.submitted.fetch_add(1, Ordering::Relaxed);
    if id.is_multiple_of(QUERY_INTERVAL) {
        // A provider without statistics is as good; one that detaches says so
        // again below.
        let _ = request.query_statistics();
    }
    let submission = request.submit(id, &id.to_le_bytes());
    if !matches!(submission, Submission::Detaching)
        && ACTIVITY.count_submission().is_multiple_of(PUBLISH_INTERVAL)
    {
        publish();
    }
    match submission {
        // The request has retired: nothing is left to do for this provider.
        Submission::Detaching => {}
        Submission::Answered(status, request) => {
            ACTIVITY.came_back(status);
            if !status.is_success() {
                sleep(BACK_OFF_MILLISECONDS, passive);
            }
            desk.inbox.add(request);
            desk.wake.set();
        }
        Submission::Pending(call) => {
            if id.is_multiple_of(CANCEL_INTERVAL) {
                call.cancel();
            }
        }
    }
}
