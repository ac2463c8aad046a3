// SPDX-License-Identifier: MIT OR Apache-2.0

//! Handles that drivers get, and must give back before they are unloaded.

use crate::findings::caller::caller;
use crate::findings::stop;
use crate::kernel::with;
use crate::verifier::faults::{self, FaultKind};

/// A handle that `function` returns; `None` if there is no memory.
pub(in crate::exports) fn acquire(function: &'static str) -> Option<usize> {
    with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let by = caller(state);
        Some(state.objects.wfp.own(function, by))
    })
}

/// Takes a handle back that `acquired` has returned. Another one is a finding.
pub(in crate::exports) fn give_back(function: &str, acquired: &str, handle: usize) {
    if !with(|state| state.objects.wfp.give_back(acquired, handle)) {
        let what = format!(
            "{function} was called with {handle:#x}, which {acquired} has not returned, or which \
             was given back before"
        );
        stop("wfp", what);
    }
}
