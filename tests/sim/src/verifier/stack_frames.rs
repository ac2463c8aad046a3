// SPDX-License-Identifier: MIT OR Apache-2.0

//! The frames in which drivers made calls, in a cycle that watches stacks: which function a
//! frame belonged to that is used after its return.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::findings::call_stack;
use crate::hardware::stack::watched;
use crate::kernel::State;
use crate::loader::drivers::{DriverId, Site};

/// A function and the frame that it had.
#[derive(Debug)]
struct Owner {
    call: Site,
    extent: Range<usize>,
    /// How many frames had been recorded before.
    number: u64,
}

/// The frames by their first addresses and their drivers, those that were made last.
#[derive(Debug, Default)]
pub(crate) struct StackFrames {
    owners: BTreeMap<(usize, DriverId), Owner>,
    recorded: u64,
}

/// Records the frame that makes the innermost call of the current thread.
pub(crate) fn record(state: &mut State) {
    if !watched::watches() {
        return;
    }
    let frame = state.scheduling.current().frames.last();
    let Some((call, extent)) = frame.and_then(|it| call_stack::frame_of_caller(state, it)) else {
        return;
    };
    let frames = &mut state.verifier.stack_frames;
    frames.recorded += 1;
    let owner = Owner {
        call,
        extent,
        number: frames.recorded,
    };
    let key = (owner.extent.start, call.driver);
    frames.owners.insert(key, owner);
}

/// Describes the frame that `address` belonged to, which code of the driver `by` uses: the
/// last one of a function of that driver if there was one.
pub(crate) fn show(state: &State, address: usize, by: Option<DriverId>) -> String {
    let owners = state.verifier.stack_frames.owners.values();
    let owners = owners.filter(|owner| owner.extent.contains(&address));
    let last = owners.max_by_key(|owner| (Some(owner.call.driver) == by, owner.number));
    last.map_or_else(
        || "the stack frame of a function that has returned".to_owned(),
        |owner| {
            let function = state.loader.drivers.show_function(owner.call);
            format!("the stack frame of {function}, which has returned")
        },
    )
}
