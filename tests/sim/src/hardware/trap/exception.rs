// SPDX-License-Identifier: MIT OR Apache-2.0

//! Exceptions in simulated threads: what they are, and where the instruction leads that raised one.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};
use pe_unwind_info::x86_64::Register;

use crate::hardware::arena::{IMAGES, PAGE, PROCESSOR, STACKS};
use crate::hardware::convention::{self, Control, Irregular};
use crate::hardware::registers::Registers;
use crate::hardware::{driver_code, stack};

/// The numbers of registers.
const RSP: Register = Register::RSP;
const R11: Register = Register::R11;

/// The kind of an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExceptionKind {
    Read,
    Write,
    Execute,
    /// A privileged instruction or an address that cannot exist.
    Protection,
    IllegalInstruction,
    Arithmetic,
    /// A floating-point exception that is not masked.
    FloatingPoint,
    Breakpoint,
    /// The loader has put a breakpoint in the place of the instruction, because the
    /// processor would execute it as the host's.
    Replaced,
    /// The trap flag is set.
    SingleStep,
    /// An access was not aligned while the alignment-check flag was set.
    Alignment,
    /// A call, or a return, in a state that the calling convention does not allow. The
    /// instruction pointer is the return address of the call.
    Convention {
        irregular: Irregular,
        returned: bool,
    },
    /// A system call of the host.
    SystemCall,
    /// The base of `fs` was changed.
    SegmentBase,
    /// It spins, and nothing that it looks at can change any more.
    Hang,
}

/// An exception in a simulated thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exception {
    pub(crate) kind: ExceptionKind,
    /// The instruction pointer.
    pub(crate) rip: usize,
    /// The address that was accessed.
    pub(crate) address: usize,
    pub(crate) registers: Registers,
}

/// How the coroutine of a thread ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ThreadEnd {
    Returned,
    Exception(Exception),
}

/// A call or a return was made in a state that the convention does not allow.
pub(super) fn irregular(exception: &mut Exception, control: Control) {
    let rsp = exception.registers.rsp();
    let how = exception.registers.of(R11);
    let inside = stack::is_current(rsp) && !stack::is_guard(rsp);
    let irregular = if how == convention::RETURNED_ELSEWHERE {
        Irregular::StackMoved
    } else if how == convention::RETURNED_CHANGED {
        // SAFETY: the value in `r11` says that it comes from there.
        Irregular::Register(unsafe { driver_code::changed(&exception.registers) })
    } else if !inside {
        Irregular::ForeignStack(rsp)
    } else if let Some(irregular) = control.irregular() {
        irregular
    } else {
        Irregular::Misaligned(rsp)
    };
    let returned = how != convention::CALLED;
    exception.kind = ExceptionKind::Convention {
        irregular,
        returned,
    };
    exception.rip = if inside && !returned {
        // SAFETY: the word is the return address, on a stack that is in use.
        unsafe { (rsp as *const usize).read_unaligned() }
    } else {
        0
    };
}

/// A call or a return to an address that cannot exist faults before it is made: the
/// exception is made that of a jump to that address.
pub(super) fn find_target(exception: &mut Exception) {
    if exception.rip == 0 || PROCESSOR.contains(&exception.rip) {
        return;
    }
    let instruction = executed(exception);
    let rsp = exception.registers.rsp();
    let target = match instruction.flow_control() {
        FlowControl::IndirectCall | FlowControl::IndirectBranch
            if instruction.op0_kind() == OpKind::Register =>
        {
            exception.registers.0[instruction.op0_register().number()]
        }
        FlowControl::IndirectCall | FlowControl::IndirectBranch
            if instruction.op0_kind() == OpKind::Memory && !instruction.has_segment_prefix() =>
        {
            let registers = &exception.registers;
            let value = |register: iced_x86::Register| registers.0.get(register.number()).copied();
            let address = instruction.virtual_address(0, 0, |register, _, _| {
                if register.is_segment_register() {
                    Some(0)
                } else {
                    value(register)
                }
            });
            let Some(address) = address.filter(|&address| can_exist(address)) else {
                return;
            };
            // SAFETY: the processor has read the word: the address can exist, and there
            // was no page fault.
            unsafe { (address as *const u64).read_unaligned() }
        }
        FlowControl::Return
            if instruction.mnemonic() == Mnemonic::Ret
                && STACKS.contains(&rsp)
                && !stack::is_guard(rsp) =>
        {
            // SAFETY: the word is on a stack that is in use.
            unsafe { (rsp as *const u64).read_unaligned() }
        }
        _ => return,
    };
    // Otherwise the stack pointer is at fault.
    if can_exist(target) {
        return;
    }
    exception.kind = ExceptionKind::Execute;
    exception.address = usize::try_from(target).expect("both have 64 bits");
    if !IMAGES.contains(&exception.rip) {
        exception.rip = exception.address;
        // No return address was pushed.
        exception.registers.0[RSP as usize] = 0;
    }
}

/// The instruction at which a general-protection exception happened.
pub(crate) fn executed(exception: &Exception) -> Instruction {
    /// The longest instruction.
    const LONGEST: usize = 15;
    let mut code = [0; LONGEST];
    for (offset, byte) in code.iter_mut().enumerate() {
        let at = exception.rip + offset;
        if offset > 0 && at.is_multiple_of(PAGE) {
            break;
        }
        // SAFETY: the page is one of code, which was being executed.
        *byte = unsafe { (at as *const u8).read() };
    }
    let ip = exception.rip as u64;
    Decoder::with_ip(64, &code, ip, DecoderOptions::NONE).decode()
}

/// Returns `true` if the upper bits of an address are all the same.
pub(crate) const fn can_exist(address: u64) -> bool {
    const UNUSED: u32 = 16;
    (address.cast_signed() << UNUSED >> UNUSED).cast_unsigned() == address
}
