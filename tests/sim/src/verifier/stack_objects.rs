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
    is_dead: bool,
}

/// All of a cycle, by their addresses.
#[derive(Debug, Default)]
pub(crate) struct StackObjects(BTreeMap<usize, StackObject>);

/// Records that the current thread initialises an object, if that is on its stack.
pub(crate) fn add(state: &mut State, address: usize) {
    state.verifier.stack_objects.0.remove(&address);
    if let Some(owner) = call_stack::frame_with(state, address) {
        let object = StackObject {
            thread: state.scheduling.current_id(),
            owner,
            is_dead: false,
        };
        state.verifier.stack_objects.0.insert(address, object);
    }
}

/// Records that the current thread makes a call with the stack pointer `rsp`.
pub(crate) fn pass_call(state: &mut State, rsp: usize) {
    let thread = state.scheduling.current_id();
    let below = state.verifier.stack_objects.0.range_mut(..rsp);
    let own = below.filter(|(_, object)| object.thread == thread);
    own.for_each(|(_, object)| object.is_dead = true);
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
    let object = state.verifier.stack_objects.0.get(&address)?;
    let is_dead = object.is_dead || state.scheduling.thread(object.thread).has_ended();
    is_dead.then_some(object.owner)
}

fn show_frame(state: &State, owner: Site) -> String {
    let function = state.loader.drivers.show_function(owner);
    format!("in the stack frame of {function}, which has returned")
}
