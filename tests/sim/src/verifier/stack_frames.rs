// SPDX-License-Identifier: MIT OR Apache-2.0

//! The frames in which drivers made calls, in a cycle that watches stacks: which function a
//! frame belonged to that is used after its return.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::findings::call_stack;
use crate::hardware::stack::watched;
use crate::kernel::State;
use crate::loader::drivers::Site;

/// The calls that were made last in each frame, by the frames' first addresses.
#[derive(Debug, Default)]
pub(crate) struct StackFrames(BTreeMap<usize, (Site, Range<usize>)>);

/// Records the frame that makes the innermost call of the current thread.
pub(crate) fn record(state: &mut State) {
    if !watched::watches() {
        return;
    }
    let frames = &state.scheduling.current().frames;
    let frame = frames.last();
    let Some((site, extent)) = frame.and_then(|it| call_stack::frame_of_caller(state, it)) else {
        return;
    };
    let known = &mut state.verifier.stack_frames.0;
    known.retain(|&start, (_, other)| !(extent.contains(&start) || other.contains(&extent.start)));
    known.insert(extent.start, (site, extent));
}

/// Describes the frame that `address` belonged to last.
pub(crate) fn show(state: &State, address: usize) -> String {
    let mut before = state.verifier.stack_frames.0.range(..=address);
    let last = before.next_back();
    let owner = last.filter(|(_, (_, extent))| extent.contains(&address));
    owner.map_or_else(
        || "the stack frame of a function that has returned".to_owned(),
        |(_, &(site, _))| {
            let function = state.loader.drivers.show_function(site);
            format!("the stack frame of {function}, which has returned")
        },
    )
}
