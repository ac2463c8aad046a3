// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which place in a driver made a call.

use crate::kernel::State;
use crate::loader::drivers::Site;
use crate::scheduling::frame::{Callee, Frame};

/// The caller of the innermost call of the current thread.
pub(crate) fn caller(state: &State) -> Option<Site> {
    state
        .scheduling
        .current()
        .frames
        .last()
        .and_then(|frame| origin(state, frame))
}

/// The caller of a call.
pub(crate) fn origin(state: &State, frame: &Frame) -> Option<Site> {
    // Within the call: what follows it may be another line or function.
    let site = state.loader.drivers.site(frame.home.checked_sub(1)?);
    let (Callee::Import { driver, .. } | Callee::Dispatch { driver, .. }) = frame.call;
    Some(site.filter(|site| site.driver == driver).unwrap_or(Site {
        driver,
        offset: None,
    }))
}

/// The callee and the caller, for messages.
pub(crate) fn show_call(state: &State, frame: &Frame) -> String {
    let target = frame.call.target();
    match origin(state, frame) {
        Some(site) => format!("{target} from {}", state.loader.drivers.show(site)),
        None => target,
    }
}
