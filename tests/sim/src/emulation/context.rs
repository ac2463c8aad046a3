// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registers of a thread whose instruction is emulated.

use std::arch::naked_asm;

use iced_x86::{Instruction, Register};

use crate::hardware::arena::PROCESSOR;
use crate::hardware::convention;

/// What [`emulate_stub`] saves on the thread's stack, and restores from there.
#[repr(C)]
#[derive(Debug)]
pub(in crate::emulation) struct Context {
    /// By the processor's numbers; the stack pointer is not the thread's.
    registers: [u64; 16],
    flags: u64,
    rip: usize,
}

impl Context {
    /// The value of a general register or of a part of it.
    pub(in crate::emulation) fn get(&self, register: Register) -> u64 {
        let full = register.full_register();
        let value = if full == Register::RSP {
            (std::ptr::from_ref(self).addr() + size_of::<Self>()) as u64
        } else {
            self.registers[full.number()]
        };
        match register.size() {
            1 if is_high(register) => value >> 8 & 0xFF,
            1 => value & 0xFF,
            2 => value & 0xFFFF,
            4 => value & 0xFFFF_FFFF,
            _ => value,
        }
    }

    /// Writes a general register as an instruction with this operand does.
    pub(in crate::emulation) fn set(&mut self, register: Register, value: u64) {
        let saved = &mut self.registers[register.full_register().number()];
        *saved = match register.size() {
            1 if is_high(register) => *saved & !0xFF00 | (value & 0xFF) << 8,
            1 => *saved & !0xFF | value & 0xFF,
            2 => *saved & !0xFFFF | value & 0xFFFF,
            4 => value & 0xFFFF_FFFF,
            _ => value,
        };
    }

    /// Sets the carry flag, and clears the other arithmetic flags.
    pub(in crate::emulation) const fn set_carry_only(&mut self) {
        const CARRY: u64 = 1;
        /// Overflow, sign, zero, auxiliary carry and parity.
        const OTHERS: u64 = 0x8D4;
        self.flags = self.flags & !OTHERS | CARRY;
    }

    /// Goes on at another instruction.
    pub(in crate::emulation) const fn set_rip(&mut self, rip: usize) {
        self.rip = rip;
    }

    /// The address of an operand in memory.
    pub(in crate::emulation) fn address(&self, instruction: &Instruction) -> Option<usize> {
        let operand = (0..instruction.op_count())
            .find(|&operand| instruction.op_kind(operand) == iced_x86::OpKind::Memory)?;
        let address = instruction.virtual_address(operand, 0, |register, _, _| {
            Some(match register {
                Register::GS => PROCESSOR.start as u64,
                segment if segment.is_segment_register() => 0,
                general => self.get(general),
            })
        })?;
        usize::try_from(address).ok()
    }
}

fn is_high(register: Register) -> bool {
    use Register::{AH, BH, CH, DH};
    matches!(register, AH | BH | CH | DH)
}

/// The address of the function at which the thread goes on.
pub(crate) fn stub() -> usize {
    emulate_stub as *const () as usize
}

/// Keeps the whole state of the thread for the emulator, which finds the address of the
/// instruction in its [`Context`] and leaves there where to go on.
#[unsafe(naked)]
unsafe extern "win64" fn emulate_stub() {
    naked_asm!(
        "pushfq",
        "push r15",
        "push r14",
        "push r13",
        "push r12",
        "push r11",
        "push r10",
        "push r9",
        "push r8",
        "push rdi",
        "push rsi",
        "push rbp",
        "push rsp",
        "push rbx",
        "push rdx",
        "push rcx",
        "push rax",
        "mov rbp, rsp",
        "sub rsp, 0x90",
        "and rsp, -16",
        "pushfq",
        "and dword ptr [rsp], {regular}",
        "popfq",
        "movups [rsp + 0x20], xmm0",
        "movups [rsp + 0x30], xmm1",
        "movups [rsp + 0x40], xmm2",
        "movups [rsp + 0x50], xmm3",
        "movups [rsp + 0x60], xmm4",
        "movups [rsp + 0x70], xmm5",
        "stmxcsr [rsp + 0x80]",
        "mov dword ptr [rsp + 0x84], {mxcsr}",
        "ldmxcsr [rsp + 0x84]",
        "mov rcx, rbp",
        "call {emulate}",
        "ldmxcsr [rsp + 0x80]",
        "movups xmm0, [rsp + 0x20]",
        "movups xmm1, [rsp + 0x30]",
        "movups xmm2, [rsp + 0x40]",
        "movups xmm3, [rsp + 0x50]",
        "movups xmm4, [rsp + 0x60]",
        "movups xmm5, [rsp + 0x70]",
        "mov rsp, rbp",
        "pop rax",
        "pop rcx",
        "pop rdx",
        "pop rbx",
        "lea rsp, [rsp + 8]",
        "pop rbp",
        "pop rsi",
        "pop rdi",
        "pop r8",
        "pop r9",
        "pop r10",
        "pop r11",
        "pop r12",
        "pop r13",
        "pop r14",
        "pop r15",
        "popfq",
        "ret",
        regular = const !convention::IRREGULAR_FLAGS.cast_signed(),
        mxcsr = const convention::MXCSR,
        emulate = sym super::emulate,
    )
}
