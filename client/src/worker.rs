// SPDX-License-Identifier: MIT OR Apache-2.0

//! The work of the client's system threads: submitting requests to all providers.

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use nmr::irql::PassiveLevel;
use nmr::request::{Submission, submit};
use nmr::{Call, Result};
use shared_npi::echo::{Body, client};
use wdm::worker::{Running, Work, Worker};

use crate::echo::{EchoModule, PROVIDERS};
use crate::telemetry::{ACTIVITY, publish};

/// The maximum number of threads.
pub(crate) const MAX_THREADS: u32 = 8;

/// The number of requests from one that is cancelled, if it pends, to the next. Odd,
/// because a provider may answer every second, fourth or eighth request at once.
const CANCEL_INTERVAL: u64 = 7;

/// The number of requests between two queries of a provider's statistics.
const QUERY_INTERVAL: u64 = 32;

/// The number of requests between two samples.
const PUBLISH_INTERVAL: u64 = 8;

/// The pause of a worker after a run in which a provider refused a request.
const BACK_OFF_MILLISECONDS: u16 = 1;

/// Submits requests.
pub(crate) struct Submitter {
    /// The maximum number of requests in one visit to a provider.
    depth: u32,
    submitted: AtomicU64,
    /// `true` once a provider has refused a request in this run.
    refused: AtomicBool,
}

impl Work for Submitter {
    fn run(&self, running: &Running<'_>) {
        PROVIDERS.for_each(|call| self.visit(call));
        if self.refused.swap(false, Ordering::Relaxed) {
            running.pause(BACK_OFF_MILLISECONDS);
        }
    }
}

impl Submitter {
    /// Submits up to `depth` requests to one provider, the first with `call`. Stops early
    /// if no slot is idle, the binding detaches, or the provider refuses a request.
    /// IRQL = `PASSIVE_LEVEL`.
    fn visit(&self, call: Call<'_, EchoModule>) {
        let binding = call.binding();
        let slots = binding.context().slots();
        let mut next = Some(call);
        for _ in 0..self.depth {
            let Some(call) = next.filter(|_| slots.has_idle()) else {
                return;
            };
            let is_refused = self.submit(call).is_err();
            next = binding.enter();
            if is_refused {
                break;
            }
        }
        // Slots are idle because the provider answers at once or refuses. Visit it again
        // after the other providers.
        if next.is_some() && slots.has_idle() {
            binding.module().workers.wake();
        }
    }

    /// Submits one request. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status with which the provider refused it.
    fn submit(&self, call: Call<'_, EchoModule>) -> Result<()> {
        let id = self.submitted.fetch_add(1, Ordering::Relaxed);
        if id.is_multiple_of(QUERY_INTERVAL)
            && let Some(call) = call.binding().enter()
        {
            // Ignored: a provider need not have statistics.
            let _ = client::query_statistics(call);
        }
        let submission = submit(call, Body::new(id, &id.to_le_bytes()));
        if let Submission::NoSlot(_) = submission {
            return Ok(());
        }
        if ACTIVITY.count_submission().is_multiple_of(PUBLISH_INTERVAL) {
            publish();
        }
        match submission {
            Submission::Answered(answer) => {
                ACTIVITY.record_completion(answer.status());
                if !answer.status().is_success() {
                    self.refused.store(true, Ordering::Relaxed);
                    return Err(answer.status());
                }
            }
            Submission::Pending(call) if id.is_multiple_of(CANCEL_INTERVAL) => {
                client::cancel(&call);
            }
            Submission::Pending(_) | Submission::NoSlot(_) => {}
        }
        Ok(())
    }
}

/// The workers of the module: at least one, woken in turn.
pub(crate) struct Workers {
    all: [Option<Worker<Submitter>>; MAX_THREADS as usize],
    started: usize,
    turn: AtomicUsize,
}

impl Workers {
    /// Starts `count` workers. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status of the first thread that failed to start. The others are stopped.
    pub(crate) fn start(count: u32, depth: u32, passive: &PassiveLevel<'_>) -> Result<Self> {
        let mut workers = Self {
            all: Default::default(),
            started: 0,
            turn: AtomicUsize::new(0),
        };
        for (place, _) in workers.all.iter_mut().zip(0..count) {
            let submitter = Submitter {
                depth,
                submitted: AtomicU64::new(0),
                refused: AtomicBool::new(false),
            };
            *place = Some(Worker::start(submitter, passive)?);
            workers.started += 1;
        }
        Ok(workers)
    }

    /// Wakes the worker whose turn it is. IRQL <= `DISPATCH_LEVEL`.
    pub(crate) fn wake(&self) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let worker = turn.checked_rem(self.started);
        if let Some(worker) = worker.and_then(|turn| self.all.get(turn)?.as_ref()) {
            worker.wake();
        }
    }

    /// Stops all threads, and waits until they have ended. IRQL = `PASSIVE_LEVEL`.
    pub(crate) fn join(&mut self, passive: &PassiveLevel<'_>) {
        self.all
            .iter_mut()
            .flatten()
            .for_each(|worker| worker.join(passive));
    }
}
