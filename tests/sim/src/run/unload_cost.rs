// SPDX-License-Identifier: MIT OR Apache-2.0

//! Measures each `DriverUnload`, from its call to its return: virtual time, how much of it
//! was before the last request was completed, and the driver's instructions. It also tells
//! what the driver has at the call: bindings, requests in flight, pool.

use serde::Serialize;

use crate::hardware::trap::steps::{self, Steps};
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::run::options::UnloadCosts;
use crate::scheduling::MICROSECOND;

/// What an unload took.
#[derive(Clone, Debug, Serialize)]
pub struct UnloadCost {
    image: String,
    /// Bindings of the driver when it was called.
    bindings: u64,
    /// Requests in flight through these.
    requests: u64,
    /// The driver's blocks of non-paged pool, and their bytes.
    blocks: u64,
    bytes: u64,
    /// The time until it returned, in nanoseconds.
    time: u64,
    /// The time until the last request was completed.
    completed: u64,
    /// The instructions that the driver executed meanwhile, if they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<Steps>,
}

/// An unload routine is about to be called.
pub(super) fn begin(state: &State, driver: DriverId) -> Option<UnloadCost> {
    let asked = state.run.options.unloads;
    if asked == UnloadCosts::None {
        return None;
    }
    let loaded = &state.loader.drivers[driver];
    let image = loaded.range();
    let calls = &state.verifier.binding_calls;
    let (bindings, requests) = calls.of(|code| image.contains(&code));
    let held = state.memory.pool.held_by(driver);
    let resident = held.filter(|block| !state.memory.pageable.contains(block.start));
    let (blocks, bytes) = resident.fold((0, 0), |(blocks, bytes), block| {
        (blocks + 1, bytes + block.size as u64)
    });
    let instructions = (asked == UnloadCosts::Instructions).then(|| {
        steps::begin(&image);
        Steps::default()
    });
    Some(UnloadCost {
        image: loaded.image.name().to_owned(),
        bindings,
        requests,
        blocks,
        bytes,
        time: state.scheduling.now(),
        completed: 0,
        instructions,
    })
}

/// The unload routine has returned.
pub(super) fn end(state: &mut State, measured: Option<UnloadCost>) {
    /// Nanoseconds in a unit of the scheduler's time.
    const UNIT: u64 = 1000 / MICROSECOND;

    let Some(cost) = measured else {
        return;
    };
    let completed = state.verifier.binding_calls.completed_at;
    state.run.unload_costs.push(UnloadCost {
        time: (state.scheduling.now() - cost.time) * UNIT,
        completed: completed.saturating_sub(cost.time) * UNIT,
        instructions: cost.instructions.map(|_| steps::end()),
        ..cost
    });
}
