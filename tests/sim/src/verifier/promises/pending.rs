// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests from their call to their completion: how many pend at a time, and how each ends.

use std::collections::BTreeMap;

use npi_description::{Function, NpiId, Outcome, Type, find};
use registrar::host::BindingId;
use windows_sys::Win32::Foundation::STATUS_CANCELLED;

use super::refused::Terms;
use super::{Crossing, overtaken, tally};
use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::memory::extent;
use crate::scheduling::ThreadId;

/// The code of the finding, of which neither NMR nor Windows has one.
const BOUND: &str = "bound";

/// A request that is neither answered nor completed.
#[derive(Debug)]
struct Request {
    call: Crossing,
    /// The thread of its call.
    thread: ThreadId,
    /// Its call has returned `STATUS_PENDING`.
    pends: bool,
    /// Whether the callee may refuse it.
    terms: Terms,
}

/// The requests of a cycle that are not over, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Pending {
    open: BTreeMap<u64, Request>,
    /// How many pend, by binding and function.
    pending: BTreeMap<(BindingId, &'static str), u64>,
}

impl Pending {
    /// The binding that a request was made in, if it is certain.
    pub(super) fn binding(&self, request: u64) -> Option<BindingId> {
        self.open.get(&request)?.call.through.binding
    }

    /// The function by which a request is cancelled, if there is one.
    pub(super) fn cancelled_by(&self, request: u64) -> Option<&'static Function> {
        let through = self.open.get(&request)?.call.through;
        let name = &through.function?.name;
        let mut functions = find(NpiId(through.npi.to_u128()))?.functions.iter();
        functions.find(|it| it.cancels.as_ref() == Some(name))
    }

    /// How many requests of a call's binding and function are not over.
    pub(super) fn open(&self, call: Crossing) -> u64 {
        let of = |it: Crossing| (it.through.binding, it.through.function.map(|it| &it.name));
        let alike = self.open.values().filter(|it| of(it.call) == of(call));
        alike.count() as u64
    }

    fn count(&mut self, call: Crossing) -> Option<&mut u64> {
        let key = (call.through.binding?, call.through.function?.name.as_str());
        Some(self.pending.entry(key).or_default())
    }

    fn remove(&mut self, request: u64) -> Option<Request> {
        let request = self.open.remove(&request)?;
        if request.pends
            && let Some(count) = self.count(request.call)
        {
            *count -= 1;
        }
        Some(request)
    }
}

/// A request is made.
pub(super) fn begin(
    state: &mut State,
    call: Crossing,
    request: u64,
    argument: impl Fn(usize) -> usize,
) {
    let made = Request {
        call,
        thread: state.scheduling.current_id(),
        pends: false,
        terms: Terms::of(state, call, argument),
    };
    state.verifier.promises.pending.open.insert(request, made);
}

/// The call returns that makes a request. The finding, if too many pend now.
pub(super) fn returned(
    state: &mut State,
    call: Crossing,
    result: u32,
    pended: bool,
) -> Option<(Code, String)> {
    // A thread that completes a request may have made room for another one already.
    let threads = state.scheduling.threads().len() as u64;
    let request = call.request?;
    let was_open = state.verifier.promises.pending.open.contains_key(&request);
    let outcome = match result.cast_signed() {
        _ if pended => Outcome::Pended,
        0.. => Outcome::Answered,
        _ => Outcome::Refused,
    };
    tally::returned(state, call, outcome, was_open);
    let pending = &mut state.verifier.promises.pending;
    if !pended {
        let made = pending.remove(request);
        overtaken::forget(state, request);
        return made?.terms.refused(state, call, result);
    }
    pending.open.get_mut(&request)?.pends = true;
    let count = pending.count(call)?;
    *count += 1;
    let (count, most) = (*count, call.through.function?.most_pending?);
    (count > most + threads).then(|| {
        let what = format!(
            "{} returned STATUS_PENDING while {count} calls of it pend in binding {}: at most \
             {most} may",
            call.through,
            call.through.binding.map_or(0, |it| it.0.get())
        );
        (BOUND.into(), what)
    })
}

/// A request is being completed. The finding, if it was not to end like that.
pub(super) fn complete(
    state: &mut State,
    call: Crossing,
    request: u64,
    argument: impl Fn(usize) -> usize,
) -> Option<(Code, String)> {
    let status = status(state, call, argument);
    let found = overtaken::complete(state, call, request, status);
    let made = state.verifier.promises.pending.remove(request)?;
    overtaken::forget(state, request);
    if let Some(status) = status {
        tally::complete(state, made.call, made.thread, outcome(status));
    }
    found
}

/// What a completion with this status is.
fn outcome(status: i32) -> Outcome {
    match status {
        STATUS_CANCELLED => Outcome::Cancelled,
        0.. => Outcome::Completed,
        _ => Outcome::Failed,
    }
}

/// The status that a completion has in what was lent.
fn status(state: &State, call: Crossing, argument: impl Fn(usize) -> usize) -> Option<i32> {
    let npi = find(NpiId(call.through.npi.to_u128()))?;
    let parameters = call.through.function?.parameters.iter().enumerate();
    parameters.into_iter().find_map(|(number, parameter)| {
        let Type::Lent { structure, .. } = &parameter.kind else {
            return None;
        };
        let mut fields = npi.structure(structure)?.fields.iter();
        let field = fields.find(|it| it.kind == Type::Status && it.reply.is_some())?;
        let address = argument(number) + field.offset;
        let bytes = extent::around(state, address)?.read(address, field.size);
        Some(i32::from_le_bytes(bytes.try_into().ok()?))
    })
}
