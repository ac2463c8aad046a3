// SPDX-License-Identifier: MIT OR Apache-2.0

//! The work of the provider's system thread: completing the requests that were pended.

use nmr::inbox::Inbox;
use nmr::request::Pended;
use shared_npi::echo::provider;
use wdm::worker::{Running, Work};

use crate::echo::EchoModule;
use crate::telemetry;

/// The pause before each run, in which requests gather, so that several are in flight.
const GATHER_MILLISECONDS: u16 = 1;

/// The number of completions between two notifications of a client.
const PROGRESS_INTERVAL: u64 = 16;

/// Completes pended requests.
#[derive(Default)]
pub(crate) struct Completer {
    inbox: Inbox<Pended<EchoModule>>,
}

impl Completer {
    /// Queues a request for the next run. Any IRQL.
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
