// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions of dispatch tables: each gets a breakpoint that leads to a thunk, and
//! the thunk asks here whether the call comes from the peer.
//!
//! A module calls its own functions, too, and the kernel may call the same function as
//! a callback: linkers merge functions with the same instructions. So the caller
//! decides. It is the driver that the call returns to. A call in place of a return (a
//! tail call) returns elsewhere: then it is the driver whose routine was called there.

use std::ops::Range;

use crate::calls::thunk;
use crate::hardware::arena;
use crate::hardware::breakpoints;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::memory::extent;
use crate::scheduling::frame::{Callee, TableEntry};
use crate::verifier::dispatch_tables::{self, Handed};

/// Sees the calls of the functions of a table from now on. Returns `false` if a cycle
/// has had too many tables.
pub(crate) fn hand_over(state: &mut State, handed: Handed) -> bool {
    let new = dispatch_tables::hand_over(state, handed);
    new.is_some_and(|new| {
        plant(state, &new);
        true
    })
}

/// Sees the calls of functions that owners have put into their tables.
pub(crate) fn refresh(state: &mut State) {
    let new = dispatch_tables::refresh(state);
    plant(state, &new);
}

fn plant(state: &mut State, functions: &[usize]) {
    for &function in functions {
        // Without it calls are not counted, which is the lesser evil.
        let _ = plant_one(state, function);
    }
}

fn plant_one(state: &mut State, function: usize) -> Option<()> {
    /// The longest instruction.
    const LONGEST: usize = 15;

    let section = extent::around(state, function)?;
    let site = state.loader.drivers.site(function)?;
    let driver = &state.loader.drivers[site.driver];
    let prologue = driver.image.prologue(site.offset?);
    let code = section.read(function, LONGEST.max(prologue));
    let room = breakpoints::room_in(&code[..prologue.min(code.len())])
        .filter(|&length| !is_inside(state, function + 1..function + length))
        .and_then(|length| breakpoints::move_prologue(function, &code[..length]));
    let rest = match room {
        Some(rest) => rest,
        None => breakpoints::move_first(function, &code)?,
    };
    let thunk = state.calls.function(function, rest)?;
    let breakpoint = breakpoints::divert(function, thunk, room.is_some());
    arena::write_code(function, &breakpoint);
    Some(())
}

/// Returns `true` if the timer has stopped a thread at one of these addresses, where it
/// will go on.
fn is_inside(state: &State, code: Range<usize>) -> bool {
    let mut threads = state.scheduling.threads().iter();
    threads.any(|thread| {
        thread
            .spins_at()
            .is_some_and(|exception| code.contains(&exception.rip))
    })
}

/// The driver that calls `function` and the entry of the table that it calls it
/// through, if it does: the call returns to `home`, `first` is its first argument.
pub(crate) fn crossing(
    state: &State,
    function: usize,
    home: usize,
    first: usize,
) -> Option<(DriverId, TableEntry)> {
    let (caller, assumed) = caller(state, function, home)?;
    let entry = dispatch_tables::entry(state, function, caller, first, assumed)?;
    Some((caller, entry))
}

/// The driver that calls `function`, and whether it is only assumed to.
fn caller(state: &State, function: usize, home: usize) -> Option<(DriverId, bool)> {
    let drivers = &state.loader.drivers;
    let driver_of = |address| drivers.site(address).map(|site| site.driver);
    if let Some(driver) = driver_of(home) {
        return (!is_direct(state, function, home)).then_some((driver, false));
    }
    let current = state.scheduling.current();
    let thread = state.scheduling.current_id();
    let callback = state.verifier.dispatch_tables.callback_on(thread);
    let (driver, assumed) = match current.frames.last().map(|frame| frame.call) {
        Some(Callee::Dispatch { target, .. }) if thunk::is_return(home) => {
            (driver_of(target)?, false)
        }
        _ if callback.is_some() => (driver_of(callback?)?, false),
        _ => (current.driver?, true),
    };
    // The kernel calls the function itself, or its own module does.
    (driver_of(function) != Some(driver)).then_some((driver, assumed))
}

/// Returns `true` if the instruction before `home` names `function` as its callee.
fn is_direct(state: &State, function: usize, home: usize) -> bool {
    /// The instruction, which the distance from its end follows.
    const CALL: u8 = 0xE8;
    const LENGTH: usize = 5;

    let start = home.wrapping_sub(LENGTH);
    let leads_there = |code: &[u8]| {
        let Some((&CALL, distance)) = code.split_first() else {
            return false;
        };
        let distance = distance.try_into().map(i32::from_le_bytes);
        distance.is_ok_and(|distance| home.wrapping_add_signed(distance as isize) == function)
    };
    let extent = extent::around(state, start);
    extent.is_some_and(|extent| extent.look_at(start, LENGTH, leads_there))
}
