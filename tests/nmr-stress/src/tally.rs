// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the events of a cycle come to.

use std::collections::{BTreeMap, BTreeSet};

use channel::events::{Call, Calls, Header, Record};
use scenarios::{Counts, Npi, Overlap};

const STATUS_SUCCESS: i32 = 0;
const STATUS_PENDING: i32 = 0x103;

/// Counts what is in `records`.
pub(crate) fn tally(header: &Header, records: &[Record], counts: &mut Counts) {
    let mut ends = Ends::default();
    for record in records {
        let Some(call) = Call::from_number(record.call) else {
            continue;
        };
        let ended = (record.ended == 1).then_some(record.status);
        count(call, ended, record.side == 1, counts);
        match (call, ended) {
            (Call::Deregister, None) => ends.begin(record, counts),
            (Call::Deregister, Some(STATUS_PENDING)) => {}
            (Call::Deregister | Call::Wait, Some(_)) => ends.end(record.registration),
            _ => {}
        }
    }
    for calls in &header.npis {
        counts.calls += calls.provider.iter().sum::<u64>();
        counts.completions += completions(calls);
    }
}

/// Counts an event of a module, a provider or else a client, by itself.
fn count(call: Call, ended: Option<i32>, provider: bool, counts: &mut Counts) {
    match (call, ended) {
        (Call::Wait, None) => counts.waits += 1,
        (Call::Register, Some(STATUS_SUCCESS)) if provider => counts.registrations_provider += 1,
        (Call::Register, Some(STATUS_SUCCESS)) => counts.registrations_client += 1,
        (Call::AttachCallback, Some(STATUS_SUCCESS)) if !provider => counts.attaches += 1,
        (Call::DetachCallback, Some(status)) => {
            counts.detaches += 1;
            if status == STATUS_PENDING {
                counts.detaches_pending += 1;
                counts.detaches_pending_provider += u64::from(provider);
                counts.detaches_pending_client += u64::from(!provider);
            }
        }
        _ => {}
    }
}

/// The calls of providers that end a request, of NPIs that are described.
fn completions(calls: &Calls) -> u64 {
    let entries = Npi::find(calls.npi()).map_or(&[][..], |npi| npi.client);
    let completing = entries.iter().zip(calls.client);
    completing
        .filter(|(entry, _)| entry.completes)
        .map(|(_, calls)| calls)
        .sum()
}

/// The deregistrations that are pending.
#[derive(Default)]
struct Ends {
    overlap: Overlap<u64>,
    /// The image of each.
    pending: BTreeMap<u64, u64>,
    /// Images of which both have some, each pair until one of them has none.
    together: BTreeSet<[u64; 2]>,
}

impl Ends {
    fn begin(&mut self, record: &Record, counts: &mut Counts) {
        let Record {
            registration,
            image,
            ..
        } = *record;
        let met = self.overlap.begin(registration, image);
        counts.deregistrations_overlapped += u64::from(met.any);
        counts.deregistrations_overlapped_within += u64::from(met.own);
        for &other in self.pending.values().filter(|&&other| other != image) {
            let pair = [image.min(other), image.max(other)];
            counts.unloads_overlapped += u64::from(self.together.insert(pair));
        }
        self.pending.insert(registration, image);
    }

    fn end(&mut self, registration: u64) {
        self.overlap.end(registration);
        let Some(image) = self.pending.remove(&registration) else {
            return;
        };
        if !self.pending.values().any(|&other| other == image) {
            self.together.retain(|pair| !pair.contains(&image));
        }
    }
}
