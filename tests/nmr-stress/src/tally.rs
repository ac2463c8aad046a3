// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the events of a cycle come to.

use channel::watch::{Call, ENTRIES, Header, Record};
use scenarios::{Counts, ECHO};

const STATUS_SUCCESS: i32 = 0;
const STATUS_PENDING: i32 = 0x103;

/// Counts what is in `records`.
pub(crate) fn tally(header: &Header, records: &[Record], counts: &mut Counts) {
    let mut ending = [0_u32; 2];
    let mut met = [false; 2];
    for record in records {
        let side = usize::from(record.side == 1);
        let done = record.ended == 1;
        match (Call::from_number(record.call), done, record.status) {
            (Some(Call::Wait), false, _) => counts.waits += 1,
            (Some(Call::AttachCallback), true, STATUS_SUCCESS) if side == 0 => counts.attaches += 1,
            (Some(Call::DetachCallback), true, status) => {
                counts.detaches += 1;
                if status == STATUS_PENDING {
                    counts.detaches_pending += 1;
                    match side {
                        0 => counts.detaches_pending_client += 1,
                        _ => counts.detaches_pending_provider += 1,
                    }
                }
            }
            _ => {}
        }
        // From the call that ends a registration to the last word about it.
        match (Call::from_number(record.call), done, record.status) {
            (Some(Call::Deregister), false, _) => {
                ending[side] += 1;
                if ending[1 - side] > 0 && !met[side] {
                    met = [true; 2];
                    counts.unloads_overlapped += 1;
                }
            }
            (Some(Call::Deregister), true, status) if status != STATUS_PENDING => {
                over(side, &mut ending, &mut met);
            }
            (Some(Call::Wait), true, _) => over(side, &mut ending, &mut met),
            _ => {}
        }
    }
    let [client, provider] = &header.calls;
    counts.calls += provider.iter().sum::<u64>();
    let completes = |entry: &usize| ECHO.client.get(*entry).is_some_and(|entry| entry.completes);
    counts.completions += (0..ENTRIES)
        .filter(completes)
        .map(|entry| client[entry])
        .sum::<u64>();
}

fn over(side: usize, ending: &mut [u32; 2], met: &mut [bool; 2]) {
    ending[side] = ending[side].saturating_sub(1);
    if *ending == [0; 2] {
        *met = [false; 2];
    }
}
