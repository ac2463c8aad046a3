// SPDX-License-Identifier: MIT OR Apache-2.0

//! The end of a thread cancels the requests that were built for it, and waits for their
//! completion.

use crate::io::requests;
use crate::kernel::{State, with};
use crate::scheduling::{MICROSECOND, Waitable, block};

/// How long a thread waits for a request that was cancelled: 5 minutes.
const PATIENCE: u64 = 300_000_000 * MICROSECOND;

/// The current thread is about to end.
pub(crate) fn cancel_requests() {
    for irp in with(|state| outstanding(state)) {
        requests::cancel(irp);
        let until = with(|state| state.scheduling.now()) + PATIENCE;
        while with(|state| is_outstanding(state, irp) && state.scheduling.now() < until) {
            block(Waitable::Object(irp), Some(until));
        }
    }
}

/// The requests of the current thread that are with drivers.
fn outstanding(state: &State) -> Vec<usize> {
    let thread = state.scheduling.current_id();
    let all = state.io.packets.of_thread(thread);
    all.filter(|irp| state.io.packets.is_under_way(*irp))
        .collect()
}

fn is_outstanding(state: &State, irp: usize) -> bool {
    let packets = &state.io.packets;
    packets.is_live(irp) && packets.is_under_way(irp)
}
