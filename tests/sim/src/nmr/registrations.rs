// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counts the registrations of each role, and the deregistrations that were
//! pending at a time.

use nmr::abi::{STATUS_PENDING, STATUS_SUCCESS};
use registrar::host::{Call, Event, Phase, Side};

use crate::kernel::State;

impl State {
    /// Counts what happens to a registration.
    pub(crate) fn count_registration(&mut self, event: &Event) {
        let Some(registration) = event.registration else {
            return;
        };
        match (event.call, event.phase) {
            (Call::Register, Phase::Leave(STATUS_SUCCESS)) => match event.side {
                Side::Provider => self.counts.registrations_provider += 1,
                Side::Client => self.counts.registrations_client += 1,
            },
            (Call::Deregister, Phase::Enter) => {
                let owner = self.drivers.site(event.code).map(|site| site.driver);
                let met = self.deregistrations.begin(registration.0, owner);
                self.counts.deregistrations_overlapped += u64::from(met.any);
                self.counts.deregistrations_overlapped_within += u64::from(met.own);
            }
            (Call::Deregister, Phase::Leave(status)) if status != STATUS_PENDING => {
                self.deregistrations.end(registration.0);
            }
            (Call::Wait, Phase::Leave(_)) => self.deregistrations.end(registration.0),
            _ => {}
        }
    }
}
