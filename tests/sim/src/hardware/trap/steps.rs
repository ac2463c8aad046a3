// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counts the instructions that a driver executes, by the trap flag of the processor.
//!
//! The simulated kernel sets the flag before it goes on to a driver that is counted, and
//! the processor then traps after each instruction. The first one that is not the driver's
//! clears the flag again, so that little of the simulated kernel is executed step by step.
//!
//! # Limits
//!
//! A repeated string instruction counts once for each repetition. What a thread does after
//! it has spun, until it calls, does not count. A jump that the simulated kernel has put
//! in place of the driver's instructions does not count, but those do.

use std::arch::asm;
use std::cell::Cell;
use std::ops::Range;

use serde::Serialize;

use crate::hardware::arena::SLOTS;
use crate::hardware::breakpoints;
use crate::hardware::convention::TRAP_FLAG;
use crate::hardware::stack;

/// The instructions that a driver has executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Steps {
    /// On the thread that began to count.
    own: u64,
    /// On all others.
    others: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
struct Counted {
    /// The addresses of the driver's image.
    start: usize,
    end: usize,
    /// The stack of the thread that began.
    stack: usize,
    steps: Steps,
}

impl Counted {
    /// Returns `true` if an address is one of the driver's code, moved or not.
    fn has(&self, address: usize) -> bool {
        let image = self.start..self.end;
        image.contains(&address)
            || (SLOTS.contains(&address) && image.contains(&breakpoints::home_of(address)))
    }
}

thread_local! {
    static COUNTED: Cell<Option<Counted>> = const { Cell::new(None) };
    /// The flag is set, and no instruction of the driver has been executed since.
    static ENTERS: Cell<bool> = const { Cell::new(false) };
}

/// Counts the instructions of the driver with this image from now on.
pub(crate) fn begin(image: &Range<usize>) {
    COUNTED.set(Some(Counted {
        start: image.start,
        end: image.end,
        stack: stack::current(),
        steps: Steps::default(),
    }));
}

/// Counts no more. Returns the count.
pub(crate) fn end() -> Steps {
    let counted = COUNTED.take();
    counted.map(|it| it.steps).unwrap_or_default()
}

/// The thread is about to go on at `target`, which may be code of the driver that is
/// counted.
pub(crate) fn enter(target: usize) {
    if !COUNTED.get().is_some_and(|it| it.has(target)) {
        return;
    }
    ENTERS.set(true);
    // SAFETY: the handler of the trap leaves everything but the flag as it is, and
    // clears it in the end.
    unsafe {
        asm!(
            "pushfq",
            "or dword ptr [rsp], {flag}",
            "popfq",
            flag = const TRAP_FLAG,
        );
    }
}

/// An instruction was executed while the flag was set, and the one at `rip` is next.
/// Returns `true` if the flag stays set, `None` if it is not this module's.
pub(super) fn step(rip: usize) -> Option<bool> {
    let Some(mut counted) = COUNTED.get() else {
        return ENTERS.take().then_some(false);
    };
    if !counted.has(rip) {
        return Some(ENTERS.get());
    }
    ENTERS.set(false);
    if breakpoints::is_drivers(rip) {
        let steps = &mut counted.steps;
        if stack::current() == counted.stack {
            steps.own += 1;
        } else {
            steps.others += 1;
        }
        COUNTED.set(Some(counted));
    }
    Some(true)
}
