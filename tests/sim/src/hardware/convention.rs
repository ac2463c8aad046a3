// SPDX-License-Identifier: MIT OR Apache-2.0

//! The processor state that Windows' calling convention demands at every call and
//! return, and what a driver has changed of it.
//!
//! - The direction flag is clear.
//! - The control bits of MXCSR and the x87 control word have their standard values: who
//!   changes them restores them before a call and before a return.
//! - Kernel-mode code does not use the x87 and MMX registers.
//! - The stack pointer is a multiple of 16 where a call is made.
//!
//! The alignment-check flag is part of it, too: in kernel mode it gives access to
//! user-mode memory (SMAP), which is the kernel's to decide.
//!
//! Reference: <https://learn.microsoft.com/cpp/build/x64-software-conventions>, and for
//! the x87 registers the page "Floating-point support for older code" there.

use std::arch::{asm, naked_asm};
use std::fmt;

/// `EFLAGS`: a trap follows each instruction.
pub(crate) const TRAP_FLAG: u32 = 1 << 8;
const DIRECTION_FLAG: u32 = 1 << 10;
const NESTED_TASK: u32 = 1 << 14;
const ALIGNMENT_CHECK: u32 = 1 << 18;
/// The flags that are clear at each call and return.
pub(crate) const IRREGULAR_FLAGS: u32 = DIRECTION_FLAG | NESTED_TASK | ALIGNMENT_CHECK;

/// MXCSR: all exceptions masked, round to nearest.
pub(crate) const MXCSR: u32 = 0x1F80;
/// The bits of MXCSR that are control bits.
pub(crate) const MXCSR_CONTROL: u32 = 0xFFC0;
/// The x87 control word: all exceptions masked, double precision.
pub(crate) const X87_CONTROL: u16 = 0x027F;
/// The bits of the x87 status word that are 0 while the registers are empty: the top
/// of the stack, and that an exception is pending.
pub(crate) const X87_IN_USE: u16 = 0x3880;

/// What a driver has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Irregular {
    Direction,
    NestedTask,
    AlignmentCheck,
    Mxcsr(u32),
    X87Control(u16),
    X87InUse,
    /// The stack pointer where the call was made.
    Misaligned(usize),
    /// The same, where it does not lead to the stack of the thread.
    ForeignStack(usize),
    /// A register that a function keeps.
    Register(&'static str),
    /// The stack pointer at the return.
    StackMoved,
}

impl fmt::Display for Irregular {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Direction => f.write_str("with the direction flag set"),
            Self::NestedTask => f.write_str("with the nested-task flag set"),
            Self::AlignmentCheck => f.write_str(
                "with the alignment-check flag set, which gives access to user-mode memory",
            ),
            Self::Mxcsr(value) => write!(
                f,
                "with another MXCSR than the standard {MXCSR:#x}: {value:#x}"
            ),
            Self::X87Control(value) => write!(
                f,
                "with another x87 control word than the standard {X87_CONTROL:#x}: {value:#x}"
            ),
            Self::X87InUse => {
                f.write_str("with values in the x87 registers, which are prohibited in kernel mode")
            }
            Self::Misaligned(_) => f.write_str("with a stack pointer that is not a multiple of 16"),
            Self::ForeignStack(at) => {
                write!(
                    f,
                    "with the stack pointer {at:#x}, which is not on the stack of its thread"
                )
            }
            Self::Register(name) => {
                write!(
                    f,
                    "with another value in {name}, which a function must keep"
                )
            }
            Self::StackMoved => f.write_str("with another stack pointer than it was called with"),
        }
    }
}

/// The part of the processor state that is checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    pub(crate) flags: u32,
    pub(crate) mxcsr: u32,
    pub(crate) x87: u16,
    pub(crate) x87_status: u16,
}

impl Control {
    /// What of it is not as the convention demands.
    pub(crate) const fn irregular(self) -> Option<Irregular> {
        if self.flags & DIRECTION_FLAG != 0 {
            Some(Irregular::Direction)
        } else if self.flags & ALIGNMENT_CHECK != 0 {
            Some(Irregular::AlignmentCheck)
        } else if self.flags & NESTED_TASK != 0 {
            Some(Irregular::NestedTask)
        } else if self.mxcsr & MXCSR_CONTROL != MXCSR {
            Some(Irregular::Mxcsr(self.mxcsr & MXCSR_CONTROL))
        } else if self.x87_status & X87_IN_USE != 0 {
            Some(Irregular::X87InUse)
        } else if self.x87 != X87_CONTROL {
            Some(Irregular::X87Control(self.x87))
        } else {
            None
        }
    }
}

/// What `r11` says at [`irregular`]: a driver has made a call, has returned to another
/// driver, or has returned to the kernel, with another stack pointer or changed registers.
pub(crate) const CALLED: u64 = 0;
pub(crate) const RETURNED: u64 = 1;
pub(crate) const RETURNED_ELSEWHERE: u64 = 2;
pub(crate) const RETURNED_CHANGED: u64 = 3;

/// Where driver code leads to in an irregular state: raises an exception. `r11` says what
/// the driver has done, everything else is the driver's.
#[unsafe(naked)]
pub(crate) unsafe extern "win64" fn irregular() {
    naked_asm!("ud2")
}

/// Gives the processor its standard state.
pub(crate) fn set_standard() {
    // SAFETY: the instructions write registers only, with the values that compiled code
    // relies on; the flags change nothing that the compiler keeps in them here.
    unsafe {
        asm!(
            "cld",
            "pushfq",
            "and dword ptr [rsp], {flags}",
            "popfq",
            "push {mxcsr}",
            "ldmxcsr [rsp]",
            "mov word ptr [rsp], {x87}",
            "fninit",
            "fldcw [rsp]",
            "add rsp, 8",
            flags = const !IRREGULAR_FLAGS.cast_signed(),
            mxcsr = const MXCSR,
            x87 = const X87_CONTROL,
        );
    }
}

/// Checks the state in which a driver's routine has returned, and gives the processor
/// its standard state again.
pub(crate) fn check_returned() -> Option<Irregular> {
    let (flags, mxcsr, x87): (u64, u64, u64);
    // SAFETY: the instructions read registers, and write to the stack what they take
    // from it again.
    unsafe {
        asm!(
            "pushfq",
            "pop {flags}",
            "cld",
            "sub rsp, 16",
            "mov qword ptr [rsp], 0",
            "mov qword ptr [rsp + 8], 0",
            "stmxcsr [rsp]",
            "fnstcw [rsp + 8]",
            "fnstsw [rsp + 10]",
            "pop {mxcsr}",
            "pop {x87}",
            flags = out(reg) flags,
            mxcsr = out(reg) mxcsr,
            x87 = out(reg) x87,
        );
    }
    let [flags, mxcsr, x87] = [flags, mxcsr, x87].map(|value| (value & 0xFFFF_FFFF) as u32);
    let [low, high, status_low, status_high] = x87.to_le_bytes();
    let control = Control {
        flags,
        mxcsr,
        x87: u16::from_le_bytes([low, high]),
        x87_status: u16::from_le_bytes([status_low, status_high]),
    };
    let irregular = control.irregular();
    if irregular.is_some() {
        set_standard();
    }
    irregular
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_state_is_regular_and_is_restored() {
        set_standard();
        assert_eq!(check_returned(), None);
        let value = 0x9F80_u32;
        // SAFETY: the code up to the check does not compute with floats.
        unsafe { asm!("ldmxcsr [{value}]", "std", value = in(reg) &raw const value) };
        assert_eq!(check_returned(), Some(Irregular::Direction));
        assert_eq!(check_returned(), None);
    }
}
