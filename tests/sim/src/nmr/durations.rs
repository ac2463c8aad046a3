// SPDX-License-Identifier: MIT OR Apache-2.0

//! Measures in virtual time how long detaches take, and waits for deregistrations.

use std::collections::BTreeMap;

use nmr::abi::STATUS_SUCCESS;
use registrar::host::{BindingId, Call, Event, Phase, Side};

use crate::kernel::State;
use crate::scheduling::{MICROSECOND, ThreadId};

/// When what is under way has begun.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    detaches: BTreeMap<(BindingId, Side), u64>,
    waits: BTreeMap<ThreadId, u64>,
}

/// Follows what happens in the registrar.
pub(crate) fn follow(state: &mut State, event: &Event) {
    let now = state.scheduling.now();
    let thread = state.scheduling.current_id();
    let durations = &mut state.nmr.durations;
    let measured = &mut state.counts.histograms;
    let detach = event.binding.map(|binding| (binding, event.side));
    match (event.call, event.phase) {
        (Call::DetachCallback, Phase::Enter) => {
            durations.detaches.extend(detach.map(|it| (it, now)));
        }
        (Call::DetachCallback, Phase::Leave(STATUS_SUCCESS))
        | (Call::DetachComplete, Phase::Enter) => {
            let began = detach.and_then(|it| durations.detaches.remove(&it));
            if let Some(began) = began {
                measured.detach_us.add((now - began) / MICROSECOND);
            }
        }
        (Call::Wait, Phase::Enter) => _ = durations.waits.insert(thread, now),
        (Call::Wait, Phase::Leave(_)) => {
            if let Some(began) = durations.waits.remove(&thread) {
                measured.wait_us.add((now - began) / MICROSECOND);
            }
        }
        _ => {}
    }
}
