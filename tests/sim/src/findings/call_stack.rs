// SPDX-License-Identifier: MIT OR Apache-2.0

//! The call stack of a simulated thread: frames of drivers and of kernel functions.
//!
//! Driver code is unwound as on Windows, with the tables in its image (`.pdata`). They
//! are read from the file, not from memory, so that unloaded drivers can be unwound,
//! too. The simulated kernel has no such tables and is skipped: the thunk saves the
//! registers of every call out of a driver, and unwinding continues from there.

use std::collections::BTreeMap;
use std::iter;
use std::ops::Range;

use pe_unwind_info::x86_64::{Register, UnwindState, XmmRegister};
use scenarios::{Frame, Place};

use crate::hardware::registers::Registers;
use crate::hardware::stack::Stacks;
use crate::hardware::trap::{Exception, ExceptionKind};
use crate::kernel::State;
use crate::loader::drivers::{DriverId, Site};
use crate::scheduling::ThreadId;
use crate::scheduling::frame::{self as call, Callee};

/// The most frames of a call stack: one that overflowed has thousands.
const MOST: usize = 64;

/// A walk through the frames of driver code.
struct Unwinding<'a> {
    registers: Registers,
    stacks: &'a Stacks,
}

impl UnwindState for Unwinding<'_> {
    fn read_register(&mut self, register: Register) -> u64 {
        self.registers.of(register)
    }

    fn read_stack(&mut self, address: u64) -> Option<u64> {
        self.stacks.read(usize::try_from(address).ok()?)
    }

    fn write_register(&mut self, register: Register, value: u64) {
        self.registers.0[register as usize] = value;
    }

    fn write_xmm_register(&mut self, _register: XmmRegister, _value: u128) {}
}

/// The start of an unwinding.
#[derive(Clone, Copy)]
enum From {
    /// At an instruction.
    Here(u64),
    /// At the call that returns to this.
    Callee(u64),
}

/// The call stack of a thread, the innermost frame first; `fault` is the
/// exception that stopped it.
pub(crate) fn call_stack(state: &State, thread: ThreadId, fault: Option<&Exception>) -> Vec<Frame> {
    let mut stack = Vec::new();
    if let Some(fault) = fault {
        let mut registers = fault.registers;
        let mut from = From::Here(fault.rip as u64);
        let within = state.loader.drivers.site(fault.rip).is_some();
        if let Some(missing) = state.loader.missing.at(fault.rip) {
            stack.push(kernel_frame(missing.module, missing.symbol));
        }
        if let ExceptionKind::Convention { returned, .. } = fault.kind {
            from = From::Callee(if returned { 0 } else { fault.rip as u64 });
            registers.0[Register::RSP as usize] += 8;
        } else if !within && let Some(home) = state.scheduling.stacks().read(registers.rsp()) {
            registers.0[Register::RSP as usize] += 8;
            from = From::Callee(home);
        }
        unwind(state, from, registers, &mut stack);
    }
    for frame in state.scheduling.thread(thread).frames.iter().rev() {
        if let Callee::Import { export, .. } = frame.call {
            stack.push(kernel_frame(
                export.module.to_owned(),
                export.name.to_owned(),
            ));
        }
        unwind(
            state,
            From::Callee(frame.home as u64),
            frame.registers,
            &mut stack,
        );
    }
    stack.truncate(MOST);
    stack
}

/// The call in the function of a driver whose frame on the stack of a thread has `address` in
/// it.
pub(crate) fn frame_with(state: &State, thread: ThreadId, address: usize) -> Option<Site> {
    let frames = &state.scheduling.thread(thread).frames;
    let innermost = frames.last()?.registers.rsp();
    let stack = state.scheduling.stacks().around(address)?;
    if !stack.contains(&innermost) || address < innermost {
        return None;
    }
    frames.iter().rev().find_map(|frame| {
        let mut frames = frames_from(state, frame).take(MOST);
        let found = frames.find(|(_, extent)| address < extent.end);
        found.map(|(site, _)| site)
    })
}

/// The function whose frames on the current thread's stack take most, and how many bytes.
pub(crate) fn largest_frames(state: &State) -> Option<(Site, usize)> {
    let mut all: BTreeMap<String, (Site, usize)> = BTreeMap::new();
    for frame in &state.scheduling.current().frames {
        for (site, extent) in frames_from(state, frame) {
            let place = state.loader.drivers.place(site);
            let name = place.map_or_else(|| format!("{:?}", site.offset), |it| it.function);
            all.entry(name).or_insert((site, 0)).1 += extent.len();
        }
    }
    all.into_values().max_by_key(|(_, bytes)| *bytes)
}

/// Returns the return addresses of the calls on the current thread, the innermost first.
pub(crate) fn homes(state: &State) -> Vec<usize> {
    let calls = state.scheduling.current().frames.iter().rev();
    let sites = calls.flat_map(|frame| frames_from(state, frame));
    let homes = sites.filter_map(|(site, _)| {
        let base = state.loader.drivers[site.driver].base;
        Some(base + site.offset? as usize + 1)
    });
    homes.take(MOST).collect()
}

/// The extent of the frame of the function that makes a call.
pub(crate) fn frame_of_caller(state: &State, frame: &call::Frame) -> Option<(Site, Range<usize>)> {
    frames_from(state, frame).next()
}

/// The frames of driver code from the one that makes a call outwards, as far as they follow
/// each other: the call in each, and its extent.
fn frames_from<'a>(
    state: &'a State,
    frame: &call::Frame,
) -> impl Iterator<Item = (Site, Range<usize>)> + use<'a> {
    let mut unwinding = Unwinding {
        registers: frame.registers,
        stacks: state.scheduling.stacks(),
    };
    let mut home = frame.home as u64;
    iter::from_fn(move || {
        let (driver, offset) = driver_site(state, home)?;
        let start = unwinding.registers.rsp();
        home = state.loader.drivers[driver]
            .image
            .unwind(offset, &mut unwinding)?;
        let offset = offset.checked_sub(1);
        let end = unwinding.registers.rsp().max(start);
        Some((Site { driver, offset }, start..end))
    })
}

/// A frame of a function of the kernel.
const fn kernel_frame(module: String, function: String) -> Frame {
    Frame {
        module,
        offset: None,
        place: Some(Place {
            function,
            file: None,
            line: None,
        }),
    }
}

fn driver_site(state: &State, address: u64) -> Option<(DriverId, u32)> {
    let site = state.loader.drivers.site(usize::try_from(address).ok()?)?;
    Some((site.driver, site.offset?))
}

/// Unwinds to the first frame that is not driver code.
fn unwind(state: &State, mut from: From, registers: Registers, stack: &mut Vec<Frame>) {
    let mut unwinding = Unwinding {
        registers,
        stacks: state.scheduling.stacks(),
    };
    while stack.len() < MOST {
        // What follows a call may be another line or function.
        let (address, back) = match from {
            From::Here(address) => (address, 0),
            From::Callee(home) => (home, 1),
        };
        let Some((driver, offset)) = driver_site(state, address) else {
            return;
        };
        let Some(at) = offset.checked_sub(back) else {
            return;
        };
        let driver = &state.loader.drivers[driver];
        let image = &driver.image;
        let frame = |place| Frame {
            module: driver.name().to_owned(),
            offset: Some(at),
            place,
        };
        let places = image.places(at);
        if places.is_empty() {
            stack.push(frame(None));
        }
        stack.extend(places.into_iter().map(Some).map(frame));
        let Some(home) = image.unwind(offset, &mut unwinding) else {
            return;
        };
        from = From::Callee(home);
    }
}
