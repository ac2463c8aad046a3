// SPDX-License-Identifier: MIT OR Apache-2.0

//! Kernel objects that drivers initialise on a stack: the function whose frame contains each
//! object, and whether that function has returned.
//!
//! A frame is dead once its thread makes a call with the stack pointer above it, or has
//! ended. So a frame is never considered dead too early, but may be too late.

use std::collections::BTreeMap;

use crate::findings::bug_check::{Code, DEAD_FRAME};
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
    /// The subcode of Driver Verifier for one that is gone, if it has one.
    number: Option<usize>,
    is_dead: bool,
}

/// All of a cycle, by their addresses.
#[derive(Debug, Default)]
pub(crate) struct StackObjects {
    live: BTreeMap<usize, StackObject>,
    /// The owners of those whose frame is dead.
    dead: BTreeMap<usize, Site>,
    /// The stack objects that calls have lent to their callees, by address, with the number of the
    /// request.
    lent: BTreeMap<usize, (u64, StackObject)>,
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

/// Records that the current thread lends the object at `address` for the request with this
/// number, if the object is on its stack.
pub(crate) fn lend(state: &mut State, address: usize, number: u64) {
    let thread = state.scheduling.current_id();
    if let Some(owner) = call_stack::frame_with(state, thread, address) {
        let object = StackObject { thread, owner };
        let lent = &mut state.verifier.stack_objects.lent;
        lent.insert(address, (number, object));
    }
}

/// Records that the current thread makes a call with the stack pointer `rsp`. Returns the finding
/// if an object in a dead frame is lent for an outstanding request, and the frame's owner.
pub(crate) fn pass_call(state: &mut State, rsp: usize) -> Option<(Code, String, Site)> {
    let thread = state.scheduling.current_id();
    let StackObjects {
        live,
        dead,
        lent,
        answers,
    } = &mut state.verifier.stack_objects;
    for answer in answers.values_mut().flatten() {
        answer.is_dead |= answer.object.thread == thread && answer.address < rsp;
    }
    let own = live.extract_if(..rsp, |_, object| object.thread == thread);
    dead.extend(own.map(|(address, object)| (address, object.owner)));
    let mut gone = lent.extract_if(..rsp, |_, (_, object)| object.thread == thread);
    let outstanding = &state.verifier.outstanding_requests;
    let (_, (_, object)) = gone.find(|(_, (number, _))| outstanding.has(*number))?;
    drop(gone);
    let frame = show_frame(state, object.owner);
    let what = format!("what was lent for a request that is still outstanding lies {frame}");
    Some((DEAD_FRAME.into(), what, object.owner))
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
/// is on the stack of the current thread; `number` is the subcode for one that is gone, if
/// there is any.
pub(crate) fn add_answer(
    state: &mut State,
    irp: usize,
    address: usize,
    what: &'static str,
    number: Option<usize>,
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
            let code = match answer.number {
                Some(number) => Code::from(("0xC9", [number, address, 0, 0])),
                None => DEAD_FRAME.into(),
            };
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
    // The function that the frame is of, and not one that is inlined there.
    let function = |site: Site| {
        let image = &state.loader.drivers[site.driver].image;
        let places = site.offset.map(|offset| image.places(offset));
        let outermost = places.and_then(|mut places| places.pop());
        (site.driver, outermost.map(|place| place.function))
    };
    state.scheduling.thread(thread).has_ended()
        || now.is_some_and(|now| function(now) != function(owner))
}

/// What the kernel comes to later.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deferred {
    Apc,
    Timer,
    Dpc,
    WorkItem,
}

impl Deferred {
    const fn name(self) -> &'static str {
        match self {
            Self::Apc => "an APC that is queued",
            Self::Timer => "a timer that is set",
            Self::Dpc => "a DPC that is queued",
            Self::WorkItem => "a work item that is queued",
        }
    }

    /// The bug check for one that is not in memory any more.
    const fn bug_check(self, address: usize) -> (&'static str, [usize; 4]) {
        match self {
            Self::Apc => ("0xC4", [0, address, 0, 0]),
            Self::Timer => ("0xC7", [0, address, 0, 0]),
            Self::Dpc => ("0xC7", [1, address, 0, 0]),
            Self::WorkItem => ("0xE4", [0, address, 0, 0]),
        }
    }
}

/// Ends the cycle if the kernel comes to an APC, a timer, a DPC or a work item whose frame is dead.
pub(crate) fn check_due(address: usize, deferred: Deferred) {
    if let Some(owner) = with(|state| dead_owner(state, address)) {
        let frame = with(|state| show_frame(state, owner));
        let what = format!("{} lies {frame}", deferred.name());
        stop_at(deferred.bug_check(address), what, Some(owner));
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
