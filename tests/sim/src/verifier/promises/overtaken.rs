// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests that are cancelled: one is completed before a number of those that were made
//! later, and no other is completed with `STATUS_CANCELLED` as long as the binding lasts. A
//! module that is known to heed cancellations completes one with that status, if it can know.

use std::collections::{BTreeMap, BTreeSet};

use npi_description::{NpiId, find};
use registrar::host::BindingId;
use windows_sys::Win32::Foundation::STATUS_CANCELLED;

use super::{Crossing, idle};
use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::scheduling::ThreadId;

/// The code of the finding, of which neither NMR nor Windows has one.
const CANCEL: &str = "cancel";

/// A request that is cancelled and not complete.
#[derive(Debug)]
struct Request {
    /// The last request that had been made when its cancellation returned; `None` until then.
    last: Option<u64>,
    /// When that was, in units of [`Cancelled::moment`].
    at: u64,
    /// How many of those that were made later were completed.
    overtaken: u64,
}

/// The requests of a cycle that are cancelled, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Cancelled {
    open: BTreeMap<u64, Request>,
    detaching: BTreeSet<BindingId>,
    /// Goes on whenever a cancellation or a completion returns.
    moment: u64,
    /// When the last completion of each thread returned.
    completed: BTreeMap<ThreadId, u64>,
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
        at: u64::MAX,
        overtaken: 0,
    });
}

/// A call that cancels a request returns.
pub(super) fn cancelled(state: &mut State, request: u64) {
    let last = state.verifier.outstanding_requests.last();
    let overtaken = &mut state.verifier.promises.overtaken;
    overtaken.moment += 1;
    if let Some(request) = overtaken.open.get_mut(&request)
        && request.last.is_none()
    {
        request.last = Some(last);
        request.at = overtaken.moment;
    }
}

/// A completion returns.
pub(super) fn completed(state: &mut State) {
    let thread = state.scheduling.current_id();
    let overtaken = &mut state.verifier.promises.overtaken;
    overtaken.moment += 1;
    overtaken.completed.insert(thread, overtaken.moment);
}

/// The finding if a known module completes a request as if it did not know that it is cancelled.
fn unheeded(
    state: &State,
    call: Crossing,
    request: u64,
    status: Option<i32>,
) -> Option<(Code, String)> {
    let completion = call.through.function?;
    let npi = find(NpiId(call.through.npi.to_u128()))?;
    let promises = &state.verifier.promises;
    let cancels = promises.pending.cancelled_by(request)?;
    let is_heeded = npi.module(cancels.side).heeds.as_ref() == Some(&cancels.name)
        && idle::is_known(state, call.caller, npi.id);
    let cancelled = promises.overtaken.open.get(&request)?;
    let thread = state.scheduling.current_id();
    let before = promises.overtaken.completed.get(&thread)?;
    (is_heeded && status? != STATUS_CANCELLED && cancelled.at < *before).then(|| {
        let what = format!(
            "{} was called without STATUS_CANCELLED for a request that {} had named before this \
             thread completed another one",
            completion.name, cancels.name
        );
        (CANCEL.into(), what)
    })
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
    if let Some(found) = unheeded(state, call, request, status) {
        return Some(found);
    }
    let promises = &mut state.verifier.promises;
    let cancelled = &mut promises.overtaken;
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
