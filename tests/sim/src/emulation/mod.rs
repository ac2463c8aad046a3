// SPDX-License-Identifier: MIT OR Apache-2.0

//! The emulation of instructions that Microsoft's headers inline, and of others that need a
//! kernel: reads of the `KPCR` and of `KUSER_SHARED_DATA`, the IRQL in `cr8`, clocks, `cpuid`.
//!
//! The signal handler sends a thread here if its instruction has faulted, or was replaced
//! with a breakpoint when the image was loaded. The thread continues after the instruction
//! as if the processor had executed it. Like a call, the instruction is a point of the
//! scheduler, so that loops that wait for the clock make progress.
//!
//! `analysis` reports instructions that are not emulated, like other exceptions.

mod context;
mod processor;
mod registers;
mod shared_data;
mod system_read;

use iced_x86::{Instruction, Mnemonic, Register};

use crate::analysis::dispatch_time;
use crate::analysis::exception::report_exception;
use crate::emulation::context::Context;
use crate::exports::execution::levels;
use crate::findings;
use crate::hardware::accesses;
use crate::hardware::irql::{HIGH_LEVEL, Irql};
use crate::hardware::trap::{self, Exception, ExceptionKind};
use crate::kernel::{State, with};
use crate::scheduling::{point_in_code, terminate};

pub(crate) use context::stub;

/// Emulates the instruction for which the signal handler has entered [`stub`].
unsafe extern "win64" fn emulate(context: *mut Context) {
    let mut fault = trap::take_pending();
    // SAFETY: the stub passes the registers that it has saved on its own stack.
    let context = unsafe { &mut *context };
    if let Some(instruction) = find(&mut fault) {
        point_in_code();
        if execute(&instruction, context, &fault) {
            if with(|state| report_dispatch_time(state, &fault)) {
                terminate();
            }
            return;
        }
    }
    if let Some(dispatcher) = trap::pass_on(&fault) {
        context.set_rip(dispatcher);
        return;
    }
    with(|state| report_exception(state, &fault));
    terminate()
}

/// Reports that the current thread has been at `DISPATCH_LEVEL` for too long, if it reads
/// the clock there again and again. Returns `false` if it has not.
fn report_dispatch_time(state: &mut State, at: &Exception) -> bool {
    let Some((code, what)) = dispatch_time::exceeded(state) else {
        return false;
    };
    let site = state.loader.drivers.site(at.rip);
    let thread = state.scheduling.current_id();
    findings::report_on(state, thread, Some(at), code, what, site);
    true
}

/// The driver's instruction at which `fault` happened, as it is in the file.
fn find(fault: &mut Exception) -> Option<Instruction> {
    if fault.kind == ExceptionKind::Breakpoint {
        fault.rip -= 1;
    }
    let instruction = with(|state| state.loader.drivers.instruction(fault.rip))?;
    if fault.kind == ExceptionKind::Breakpoint {
        if instruction.mnemonic() == Mnemonic::Int3 {
            return None;
        }
        fault.kind = ExceptionKind::Replaced;
    }
    Some(instruction)
}

/// Executes an instruction. Returns `false` if it is none that is emulated.
fn execute(instruction: &Instruction, context: &mut Context, fault: &Exception) -> bool {
    let next = accesses::continuation(fault.rip + instruction.len());
    let done = if matches!(fault.kind, ExceptionKind::Read | ExceptionKind::Write)
        || instruction.memory_segment() == Register::GS
    {
        system_read::execute(instruction, context, fault.rip)
    } else {
        let done = execute_level(instruction, context)
            || registers::execute(instruction, context)
            || processor::execute(instruction, context);
        if done {
            context.set_rip(next);
        }
        done
    };
    if done {
        with(|state| {
            let shown = state.loader.drivers.site(fault.rip);
            state.trace(|state| {
                let place = shown.map(|site| state.loader.drivers.show(site));
                format!(
                    "emulates {:?} at {}",
                    instruction.mnemonic(),
                    place.unwrap_or_default()
                )
            });
        });
    }
    done
}

/// Reads or writes the IRQL: `KeGetCurrentIrql`, `KeRaiseIrql` and `KeLowerIrql` where
/// they are inlined.
fn execute_level(instruction: &Instruction, context: &mut Context) -> bool {
    if instruction.mnemonic() != Mnemonic::Mov {
        return false;
    }
    let (to, from) = (instruction.op0_register(), instruction.op1_register());
    if from == Register::CR8 {
        context.set(to, levels::current().into());
        return true;
    }
    if to != Register::CR8 {
        return false;
    }
    let Ok(new) = Irql::try_from(context.get(from)) else {
        return false;
    };
    if new > HIGH_LEVEL {
        return false;
    }
    if new >= levels::current() {
        levels::set(new);
    } else {
        levels::lower(new);
        point_in_code();
    }
    true
}
