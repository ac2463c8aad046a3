// SPDX-License-Identifier: MIT OR Apache-2.0

//! Kernel objects that drivers initialise on a stack: the function whose frame each lies
//! in, and whether that function has returned.
//!
//! A frame is dead once its thread calls somebody with the stack pointer above it, or has
//! ended. So a frame is never taken for dead too early, but may be too late.

use std::collections::BTreeMap;

use crate::findings::{call_stack, stop, stop_at};
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::scheduling::ThreadId;

/// An object on a stack.
#[derive(Clone, Copy, Debug)]
struct StackObject {
    thread: ThreadId,
    /// The call in the function whose frame it lies in.
    owner: Site,
}

/// What the completion of a request is written to, on a stack.
#[derive(Clone, Copy, Debug)]
struct Answer {
    address: usize,
    object: StackObject,
    what: &'static str,
    number: usize,
    is_dead: bool,
}

/// All of a cycle, by their addresses.
#[derive(Debug, Default)]
pub(crate) struct StackObjects {
    live: BTreeMap<usize, StackObject>,
    /// The owners of those whose frame is dead.
    dead: BTreeMap<usize, Site>,
    /// What the completions of requests are written to, by request.
    answers: BTreeMap<usize, Vec<Answer>>,
}

/// Records that the current thread initialises an object, if that is on its stack.
pub(crate) fn add(state: &mut State, address: usize) {
    let objects = &mut state.verifier.stack_objects;
    objects.live.remove(&address);
    objects.dead.remove(&address);
    let thread = state.scheduling.current_id();
    if let Some(owner) = call_stack::frame_with(state, thread, address) {
        let object = StackObject { thread, owner };
        state.verifier.stack_objects.live.insert(address, object);
    }
}

/// Records that the current thread makes a call with the stack pointer `rsp`.
pub(crate) fn pass_call(state: &mut State, rsp: usize) {
    let thread = state.scheduling.current_id();
    let StackObjects {
        live,
        dead,
        answers,
    } = &mut state.verifier.stack_objects;
    for answer in answers.values_mut().flatten() {
        answer.is_dead |= answer.object.thread == thread && answer.address < rsp;
    }
    let own = live.extract_if(..rsp, |_, object| object.thread == thread);
    dead.extend(own.map(|(address, object)| (address, object.owner)));
}

/// Ends the cycle if a driver uses an object whose frame is dead as `what`.
pub(crate) fn check_use(address: usize, what: &str) {
    if let Some(owner) = with(|state| dead_owner(state, address)) {
        let frame = with(|state| show_frame(state, owner));
        let object = format!("the object at {address:#x}");
        stop(
            "0xC4",
            format!("{object} is used as {what}, but lies {frame}"),
        );
    }
}

/// Records that the completion of a request is to be written to `address`, a `what`, if that
/// is on the stack of the current thread; `number` is the subcode for one that is gone.
pub(crate) fn add_answer(
    state: &mut State,
    irp: usize,
    address: usize,
    what: &'static str,
    number: usize,
) {
    let thread = state.scheduling.current_id();
    if let Some(owner) = call_stack::frame_with(state, thread, address) {
        let object = StackObject { thread, owner };
        let answer = Answer {
            address,
            object,
            what,
            number,
            is_dead: false,
        };
        let answers = &mut state.verifier.stack_objects.answers;
        answers.entry(irp).or_default().push(answer);
    }
}

/// A request is complete. Ends the cycle if what is then written to lies in a frame that is
/// dead.
pub(crate) fn check_answers(irp: usize) {
    let answers = with(|state| state.verifier.stack_objects.answers.remove(&irp));
    for answer in answers.into_iter().flatten() {
        let Answer { address, what, .. } = answer;
        let owner = answer.object.owner;
        if answer.is_dead || with(|state| is_replaced(state, &answer)) {
            let frame = with(|state| show_frame(state, owner));
            let code = ("0xC9", [answer.number, address, 0, 0]);
            let what = format!("the {what} of a request that is completed lies {frame}");
            stop_at(code, what, Some(owner));
        }
    }
}

/// Returns `true` if the thread of an answer has ended, or has the frame of another function
/// where the answer is to go.
fn is_replaced(state: &State, answer: &Answer) -> bool {
    let StackObject { thread, owner } = answer.object;
    let now = call_stack::frame_with(state, thread, answer.address);
    let function = |site: Site| {
        let place = state.loader.drivers.place(site);
        (site.driver, place.map(|place| place.function))
    };
    state.scheduling.thread(thread).has_ended()
        || now.is_some_and(|now| function(now) != function(owner))
}

/// A timer or a queued DPC, with its number in `TIMER_OR_DPC_INVALID`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deferred {
    Timer = 0,
    Dpc = 1,
}

/// Ends the cycle if the kernel comes to a timer or a DPC whose frame is dead.
pub(crate) fn check_due(address: usize, deferred: Deferred) {
    if let Some(owner) = with(|state| dead_owner(state, address)) {
        let frame = with(|state| show_frame(state, owner));
        let what = match deferred {
            Deferred::Timer => "a timer that is set",
            Deferred::Dpc => "a DPC that is queued",
        };
        let code = ("0xC7", [deferred as usize, address, 0, 0]);
        stop_at(code, format!("{what} lies {frame}"), Some(owner));
    }
}

/// The call in the owner of the frame with the object at `address`, if that has returned.
fn dead_owner(state: &State, address: usize) -> Option<Site> {
    let StackObjects { live, dead, .. } = &state.verifier.stack_objects;
    if let Some(&owner) = dead.get(&address) {
        return Some(owner);
    }
    let object = live.get(&address)?;
    let has_ended = state.scheduling.thread(object.thread).has_ended();
    has_ended.then_some(object.owner)
}

fn show_frame(state: &State, owner: Site) -> String {
    let function = state.loader.drivers.show_function(owner);
    format!("in the stack frame of {function}, which has returned")
}
