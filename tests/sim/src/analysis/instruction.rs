// SPDX-License-Identifier: MIT OR Apache-2.0

//! Explains an instruction that a driver has executed and that is not emulated: what
//! Windows answers to it, or that the simulated kernel has no answer.

use iced_x86::{Formatter, Instruction, MasmFormatter, Mnemonic};
use pe_unwind_info::x86_64::Register;
use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_VIOLATION, STATUS_ASSERTION_FAILURE, STATUS_BREAKPOINT, STATUS_INTEGER_OVERFLOW,
};

use crate::findings::bug_check::{CONVENTION, Code, unsupported};
use crate::hardware::replaced;
use crate::hardware::trap::{Exception, ExceptionKind};

/// The interrupts that have a meaning on Windows.
const OVERFLOW: u8 = 0x04;
const FAST_FAIL: u8 = 0x29;
const ASSERTION: u8 = 0x2C;
const DEBUG_SERVICE: u8 = 0x2D;

/// The bug check for the instruction at which `fault` happened, and what it is. Returns
/// `None` if the instruction is an ordinary one.
pub(crate) fn describe(instruction: &Instruction, fault: &Exception) -> Option<(Code, String)> {
    let text = text(instruction);
    if replaced::calls_host(instruction) {
        return Some(system_call(&text));
    }
    if replaced::by_fs(instruction) {
        let code = fault.unhandled(STATUS_ACCESS_VIOLATION);
        return Some((code, format!("{text}: kernel-mode code has nothing at fs")));
    }
    if instruction.mnemonic() == Mnemonic::Int {
        return Some(interrupt(instruction.immediate8(), fault, &text));
    }
    if changes_segment(instruction) {
        let what = format!("{text}: changes a segment, which is the kernel's to do");
        return Some((CONVENTION.into(), what));
    }
    let kind = if is_privileged(instruction) {
        "a privileged instruction"
    } else if fault.kind == ExceptionKind::Replaced {
        "an instruction"
    } else {
        return None;
    };
    let what = format!("executes {text}: {kind} that the simulated kernel does not emulate");
    Some((unsupported(), what))
}

/// A system call of the host.
pub(crate) fn system_call(instruction: &str) -> (Code, String) {
    let what = format!(
        "{instruction}: system calls are made from user mode, a driver calls Nt and Zw routines"
    );
    (CONVENTION.into(), what)
}

fn interrupt(number: u8, fault: &Exception, text: &str) -> (Code, String) {
    match number {
        FAST_FAIL => {
            let reason = fault.registers.of(Register::RCX);
            let code = usize::try_from(reason).unwrap_or(usize::MAX);
            let code = ("0x139", [code, 0, 0, 0]);
            (code.into(), format!("fast fail with code {reason}"))
        }
        ASSERTION => (
            fault.unhandled(STATUS_ASSERTION_FAILURE),
            "assertion failed (int 2Ch)".to_owned(),
        ),
        OVERFLOW => (
            fault.unhandled(STATUS_INTEGER_OVERFLOW),
            "integer overflow (int 4)".to_owned(),
        ),
        DEBUG_SERVICE => (
            fault.unhandled(STATUS_BREAKPOINT),
            "debug service without a debugger (int 2Dh)".to_owned(),
        ),
        _ => {
            let what =
                format!("executes {text}: an interrupt that the simulated kernel does not emulate");
            (unsupported(), what)
        }
    }
}

/// Returns `true` if it writes to a segment register, or to its base.
fn changes_segment(instruction: &Instruction) -> bool {
    use Mnemonic::{Lfs, Lgs, Lss, Mov, Pop, Wrfsbase, Wrgsbase};
    match instruction.mnemonic() {
        Lfs | Lgs | Lss | Wrfsbase | Wrgsbase => true,
        Mov | Pop => instruction.op0_register().is_segment_register(),
        _ => false,
    }
}

/// Returns `true` if only the kernel may execute it.
fn is_privileged(instruction: &Instruction) -> bool {
    use Mnemonic::{
        Clac, Cli, Hlt, In, Insb, Insd, Insw, Invpcid, Monitor, Mwait, Out, Outsb, Outsd, Outsw,
        Stac, Sti, Vmcall, Vmmcall, Xrstors, Xsaves, Xsetbv,
    };
    instruction.is_privileged()
        || matches!(
            instruction.mnemonic(),
            Clac | Cli
                | Hlt
                | In
                | Insb
                | Insd
                | Insw
                | Invpcid
                | Monitor
                | Mwait
                | Out
                | Outsb
                | Outsd
                | Outsw
                | Stac
                | Sti
                | Vmcall
                | Vmmcall
                | Xrstors
                | Xsaves
                | Xsetbv
        )
}

/// The instruction as Microsoft's assembler writes it.
pub(crate) fn text(instruction: &Instruction) -> String {
    let mut text = String::new();
    MasmFormatter::new().format(instruction, &mut text);
    text
}
