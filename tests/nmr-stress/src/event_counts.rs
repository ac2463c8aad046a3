// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counts the registrar's events of a cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use channel::events::{Call, Calls, Header, Record};
use npi_description::{Function, Npi, Side, parse};
use scenarios::{Counts, Overlap};

/// The descriptions of the NPIs of the pair.
const PAIR: [&str; 2] = [
    include_str!("../../../shared-npi/src/echo/npi.toml"),
    include_str!("../../../shared-npi/src/telemetry/npi.toml"),
];

const STATUS_SUCCESS: i32 = 0;
const STATUS_PENDING: i32 = 0x103;

/// Counts the events in `records`, and the calls in `header`.
pub(crate) fn count_events(header: &Header, records: &[Record], counts: &mut Counts) {
    let mut deregistrations = Deregistrations::default();
    for record in records {
        let Some(call) = Call::from_number(record.call) else {
            continue;
        };
        let ended = (record.ended == 1).then_some(record.status);
        count(call, ended, record.side == 1, counts);
        match (call, ended) {
            (Call::Deregister, None) => deregistrations.begin(record, counts),
            (Call::Deregister, Some(STATUS_PENDING)) => {}
            (Call::Deregister | Call::Wait, Some(_)) => deregistrations.end(record.registration),
            _ => {}
        }
    }
    let described = PAIR.map(|text| parse(Path::new("npi.toml"), text));
    for calls in &header.npis {
        counts.calls += calls.provider.iter().sum::<u64>();
        let mut described = described.iter().flatten();
        let npi = described.find(|npi| npi.id.0 == calls.npi());
        counts.completions += npi.map_or(0, |npi| completions(npi, calls));
    }
}

/// Counts one event of a provider or a client.
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

/// The calls of providers that complete a request. A table's functions are counted in
/// their order.
fn completions(npi: &Npi, calls: &Calls) -> u64 {
    let completing = npi.functions_of(Side::Client).zip(calls.client);
    completing
        .filter(|(function, _)| Function::is_completion(function))
        .map(|(_, calls)| calls)
        .sum()
}

/// The pending deregistrations.
#[derive(Default)]
struct Deregistrations {
    overlap: Overlap<u64>,
    /// The image of each registration.
    pending: BTreeMap<u64, u64>,
    /// Pairs of images that both have pending deregistrations.
    together: BTreeSet<[u64; 2]>,
}

impl Deregistrations {
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
