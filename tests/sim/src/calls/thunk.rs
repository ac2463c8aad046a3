// SPDX-License-Identifier: MIT OR Apache-2.0

//! The thunk that every call between modules passes, on its way in and out.
//!
//! Instead of the address of a kernel function, a driver gets that of a few bytes of
//! machine code, which load a number and jump to [`enter_stub`]. Breakpoints in the
//! functions of dispatch tables lead to such code ([`table_functions`]). The stub saves
//! the arguments, lets [`enter`] check the call, replaces the return address with that of
//! [`leave_stub`], and jumps to the callee. When the callee returns, [`leave_stub`] lets
//! [`leave`] check the result, and returns to the caller. The thread's list of frames has
//! the original return addresses; arguments on the stack are not moved.
//!
//! When a driver calls or returns, the stubs first check the processor state that the
//! calling convention requires, because the simulated kernel itself depends on it.

mod checks;
mod passage;
mod stubs;

use std::cell::Cell;
use std::ptr;

use hashbrown::HashMap;

use crate::hardware::arena::{self, THUNKS};
use crate::loader::drivers::DriverId;
use crate::loader::export::Export;
use crate::scheduling::frame::Callee;
use stubs::enter_stub;
pub(crate) use stubs::is_return;

/// Where a thunk leads to.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// A kernel function, for this driver.
    Import(DriverId, &'static Export),
    /// A function of a dispatch table, which continues at `rest` behind its breakpoint.
    Function { function: usize, rest: usize },
}

/// The thunks of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Thunks {
    targets: Vec<Target>,
    /// The thunk of each import of a driver, by the export's address.
    imports: HashMap<(DriverId, usize), usize>,
    /// `true` if messages for a debugger are not part of the course of the cycle.
    passes_over_messages: bool,
}

/// ```text
/// mov eax, number
/// mov r10, enter_stub
/// jmp r10
/// ```
const LENGTH: usize = 24;

/// The end of the range for functions of dispatch tables: the rest is for imports.
const END_OF_FUNCTIONS: usize = THUNKS.end - (THUNKS.end - THUNKS.start) / 6;

impl Thunks {
    /// Those of a cycle of whose course messages for a debugger may be no part.
    pub(crate) fn new(passes_over_messages: bool) -> Self {
        Self {
            passes_over_messages,
            ..Self::default()
        }
    }

    /// The address of code that calls an export for a driver.
    pub(crate) fn import(&mut self, driver: DriverId, export: &'static Export) -> usize {
        let key = (driver, ptr::from_ref(export).addr());
        if let Some(&made) = self.imports.get(&key) {
            return made;
        }
        let made = self.make(Target::Import(driver, export), THUNKS.end);
        let made = made.expect("images have no room for so many imports");
        self.imports.insert(key, made);
        made
    }

    /// The address of code that a breakpoint leads to at the first instruction of
    /// `function`, which continues at `rest`. Returns `None` if a cycle has had too
    /// many of them.
    pub(crate) fn function(&mut self, function: usize, rest: usize) -> Option<usize> {
        self.make(Target::Function { function, rest }, END_OF_FUNCTIONS)
    }

    /// The import that the thunk with this number leads to; `None` if it is for a function
    /// of a dispatch table.
    pub(crate) fn callee(&self, number: u64) -> Option<Callee> {
        match *self.targets.get(usize::try_from(number).ok()?)? {
            Target::Import(driver, export) => Some(Callee::Import { driver, export }),
            Target::Function { .. } => None,
        }
    }

    fn make(&mut self, target: Target, end: usize) -> Option<usize> {
        let number = u32::try_from(self.targets.len()).ok()?;
        let address = THUNKS.start + self.targets.len() * LENGTH;
        if address + LENGTH > end {
            return None;
        }
        // The code of a thunk is the same in every cycle.
        if WRITTEN.get() <= number {
            arena::write_code(address, &code_of(number));
            WRITTEN.set(number + 1);
        }
        self.targets.push(target);
        Some(address)
    }
}

thread_local! {
    /// The number of thunks whose code has been written, in this cycle or before.
    static WRITTEN: Cell<u32> = const { Cell::new(0) };
}

fn code_of(number: u32) -> [u8; LENGTH] {
    let mut code = [0xCC; LENGTH];
    code[0] = 0xB8;
    code[1..5].copy_from_slice(&number.to_le_bytes());
    code[5..7].copy_from_slice(&[0x49, 0xBA]);
    code[7..15].copy_from_slice(&(enter_stub as *const () as u64).to_le_bytes());
    code[15..18].copy_from_slice(&[0x41, 0xFF, 0xE2]);
    code
}

/// Forgets what code has been written: the arena is another one.
pub(crate) fn forget_code() {
    WRITTEN.set(0);
}
