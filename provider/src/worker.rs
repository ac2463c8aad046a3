// SPDX-License-Identifier: MIT OR Apache-2.0

//! The work of the provider's system thread: completes the requests that were pended.

use nmr::inbox::Inbox;
use nmr::request::Pended;
use shared_npi::echo::provider;
use wdm::worker::{Running, Work};

use crate::echo::EchoModule;
use crate::telemetry;

/// The time that the worker lets requests gather, so that several are in flight.
const GATHER_MILLISECONDS: u16 = 1;

/// The number of completions after which a client is notified of its progress.
const PROGRESS_INTERVAL: u64 = 16;

/// Requests to be completed.
#[derive(Default)]
pub(crate) struct Completer {
    inbox: Inbox<Pended<EchoModule>>,
}

impl Completer {
    /// Adds a request, for the next run. Any IRQL.
    pub(crate) fn add(&self, request: Pended<EchoModule>) {
        self.inbox.add(request);
    }
}

impl Work for Completer {
    fn run(&self, running: &Running<'_>) {
        running.pause(GATHER_MILLISECONDS);
        for request in self.inbox.take_all() {
            let completion = provider::complete(request);
            if completion.count().is_multiple_of(PROGRESS_INTERVAL) {
                completion.notify_progress();
            }
        }
        telemetry::poll_sources();
    }
}
