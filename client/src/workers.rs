// SPDX-License-Identifier: MIT OR Apache-2.0

//! The workers, as many as the settings say.

use core::sync::atomic::{AtomicUsize, Ordering};

use nmr::Result;
use nmr::irql::PassiveLevel;
use shared_npi::echo::client::Ready;

use crate::EchoModule;
use crate::settings::MAX_THREADS;
use crate::worker::Worker;

/// Some workers, at least one, that share the work in turn.
pub(crate) struct Workers {
    all: [Option<Worker>; MAX_THREADS as usize],
    started: usize,
    turn: AtomicUsize,
}

impl Workers {
    /// Starts `count` workers. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status of the first that did not start; those that did are joined.
    pub(crate) fn start(count: u32, passive: &PassiveLevel<'_>) -> Result<Self> {
        let mut workers = Self {
            all: Default::default(),
            started: 0,
            turn: AtomicUsize::new(0),
        };
        for (place, _) in workers.all.iter_mut().zip(0..count) {
            *place = Some(Worker::start(passive)?);
            workers.started += 1;
        }
        Ok(workers)
    }

    /// Gives a request to the worker whose turn it is. IRQL <= `DISPATCH_LEVEL`.
    pub(crate) fn add(&self, request: Ready<EchoModule>) {
        let turn = self
            .turn
            .fetch_add(1, Ordering::Relaxed)
            .checked_rem(self.started);
        let worker = turn.and_then(|turn| self.all.get(turn)?.as_ref());
        // Without a worker the request is dropped, that is, retires.
        if let Some(worker) = worker {
            worker.add(request);
        }
    }

    /// Lets all threads end, and waits until they have. IRQL = `PASSIVE_LEVEL`.
    pub(crate) fn join(&mut self, passive: &PassiveLevel<'_>) {
        self.all
            .iter_mut()
            .flatten()
            .for_each(|worker| worker.join(passive));
    }
}
