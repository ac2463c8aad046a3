// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests that are cancelled: one is completed before a number of those that were made
//! later, and no other is completed with `STATUS_CANCELLED` as long as the binding lasts.

use std::collections::{BTreeMap, BTreeSet};

use registrar::host::BindingId;
use windows_sys::Win32::Foundation::STATUS_CANCELLED;

use super::Crossing;
use crate::findings::bug_check::Code;
use crate::kernel::State;

/// The code of the finding, of which neither NMR nor Windows has one.
const CANCEL: &str = "cancel";

/// A request that is cancelled and not complete.
#[derive(Debug)]
struct Request {
    /// The last request that had been made when its cancellation returned; `None` until then.
    last: Option<u64>,
    /// How many of those that were made later were completed.
    overtaken: u64,
}

/// The requests of a cycle that are cancelled, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Cancelled {
    open: BTreeMap<u64, Request>,
    detaching: BTreeSet<BindingId>,
}

impl Cancelled {
    pub(super) fn detach(&mut self, binding: BindingId) {
        self.detaching.insert(binding);
    }
}

/// A request is being cancelled.
pub(super) fn cancel(state: &mut State, request: u64) {
    let open = &mut state.verifier.promises.overtaken.open;
    open.entry(request).or_insert(Request {
        last: None,
        overtaken: 0,
    });
}

/// A call that cancels a request returns.
pub(super) fn cancelled(state: &mut State, request: u64) {
    let last = state.verifier.outstanding_requests.last();
    if let Some(request) = state.verifier.promises.overtaken.open.get_mut(&request) {
        request.last.get_or_insert(last);
    }
}

/// A request is completed with `status`. The finding, if nobody has cancelled it, or if too
/// many are completed before another one that is cancelled.
pub(super) fn complete(
    state: &mut State,
    call: Crossing,
    request: u64,
    status: Option<i32>,
) -> Option<(Code, String)> {
    let promises = &mut state.verifier.promises;
    let completion = call.through.function?;
    let binding = promises.pending.binding(request)?;
    let cancelled = &mut promises.overtaken;
    if cancelled.detaching.contains(&binding) {
        return None;
    }
    let cancels = promises.pending.cancelled_by(request);
    if let (Some(STATUS_CANCELLED), Some(cancels)) = (status, cancels)
        && !cancelled.open.contains_key(&request)
    {
        let what = format!(
            "{} was called with STATUS_CANCELLED for a request that no call of {} has named, in a \
             binding that does not detach",
            completion.name, cancels.name
        );
        return Some((CANCEL.into(), what));
    }
    let pending = &promises.pending;
    let late = cancelled.open.iter_mut().find_map(|(&number, it)| {
        let made_later = it.last.is_some_and(|last| request > last);
        if !made_later || pending.binding(number) != Some(binding) {
            return None;
        }
        it.overtaken += 1;
        let most = pending.cancelled_by(number)?.overtaken_by?;
        (it.overtaken > most).then_some(it.overtaken)
    });
    let what = format!(
        "{} completes {} requests that were made after another one of binding {} had been \
         cancelled, which is not complete",
        completion.name, late?, binding.0
    );
    Some((CANCEL.into(), what))
}

/// Forgets a request that is complete.
pub(super) fn forget(state: &mut State, request: u64) {
    state.verifier.promises.overtaken.open.remove(&request);
}
