// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registers of a thread in which an exception was raised, as a `CONTEXT`.

#![expect(
    clippy::too_many_lines,
    reason = "a naked function is one piece of machine code"
)]

use std::arch::naked_asm;
use std::mem::offset_of;

use pe_unwind_info::x86_64::{Register, XmmRegister};
use windows_sys::Win32::System::Diagnostics::Debug::{CONTEXT, M128A, XSAVE_FORMAT};

use crate::hardware::convention;

/// A `CONTEXT` at an address that Windows gives it.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(super) struct Context(pub(super) CONTEXT);

const _: () = assert!(size_of::<Context>() == 0x4D0);

/// The registers below it on the stack, for what is called.
const HOME: usize = 0x20;
const ROOM: usize = HOME + size_of::<Context>();
const VECTORS: usize = offset_of!(CONTEXT, Anonymous) + offset_of!(XSAVE_FORMAT, XmmRegisters);

impl Context {
    /// The general register with this number.
    pub(super) fn register(&self, register: Register) -> u64 {
        // SAFETY: `Rax` to `R15` are next to each other, in the order of their numbers.
        unsafe { (&raw const self.0.Rax).add(register as usize).read() }
    }

    pub(super) fn set_register(&mut self, register: Register, value: u64) {
        // SAFETY: as in `register`, and the context is borrowed exclusively.
        unsafe { (&raw mut self.0.Rax).add(register as usize).write(value) };
    }

    pub(super) fn set_vector(&mut self, register: XmmRegister, value: u128) {
        let [low, high] = [value & u128::from(u64::MAX), value >> 64]
            .map(|half| u64::try_from(half).expect("it was cut to 64 bits"));
        let value = M128A {
            Low: low,
            High: high.cast_signed(),
        };
        // SAFETY: every bit pattern is one of both parts of the union.
        let vectors = unsafe { &mut self.0.Anonymous.FltSave.XmmRegisters };
        vectors[register as usize] = value;
    }
}

/// The address of the code that a thread goes on at when it has raised an exception: its
/// registers are those of the driver.
pub(crate) fn stub() -> usize {
    raised_stub as *const () as usize
}

/// Keeps the registers in a [`Context`], lets [`super::dispatch::dispatch`] handle the
/// exception, and goes on with what that left in the context.
#[unsafe(naked)]
unsafe extern "win64" fn raised_stub() {
    naked_asm!(
        "pushfq",
        "push rbp",
        "mov rbp, rsp",
        "sub rsp, {room}",
        "and rsp, -16",
        "mov [rsp + {home} + {rax}], rax",
        "mov [rsp + {home} + {rax} + 0x08], rcx",
        "mov [rsp + {home} + {rax} + 0x10], rdx",
        "mov [rsp + {home} + {rax} + 0x18], rbx",
        "lea rax, [rbp + 0x10]",
        "mov [rsp + {home} + {rax} + 0x20], rax",
        "mov rax, [rbp]",
        "mov [rsp + {home} + {rax} + 0x28], rax",
        "mov [rsp + {home} + {rax} + 0x30], rsi",
        "mov [rsp + {home} + {rax} + 0x38], rdi",
        "mov [rsp + {home} + {rax} + 0x40], r8",
        "mov [rsp + {home} + {rax} + 0x48], r9",
        "mov [rsp + {home} + {rax} + 0x50], r10",
        "mov [rsp + {home} + {rax} + 0x58], r11",
        "mov [rsp + {home} + {rax} + 0x60], r12",
        "mov [rsp + {home} + {rax} + 0x68], r13",
        "mov [rsp + {home} + {rax} + 0x70], r14",
        "mov [rsp + {home} + {rax} + 0x78], r15",
        "mov rax, [rbp + 8]",
        "mov [rsp + {home} + {flags}], eax",
        "stmxcsr [rsp + {home} + {mxcsr}]",
        "movups [rsp + {home} + {vectors}], xmm0",
        "movups [rsp + {home} + {vectors} + 0x10], xmm1",
        "movups [rsp + {home} + {vectors} + 0x20], xmm2",
        "movups [rsp + {home} + {vectors} + 0x30], xmm3",
        "movups [rsp + {home} + {vectors} + 0x40], xmm4",
        "movups [rsp + {home} + {vectors} + 0x50], xmm5",
        "movups [rsp + {home} + {vectors} + 0x60], xmm6",
        "movups [rsp + {home} + {vectors} + 0x70], xmm7",
        "movups [rsp + {home} + {vectors} + 0x80], xmm8",
        "movups [rsp + {home} + {vectors} + 0x90], xmm9",
        "movups [rsp + {home} + {vectors} + 0xA0], xmm10",
        "movups [rsp + {home} + {vectors} + 0xB0], xmm11",
        "movups [rsp + {home} + {vectors} + 0xC0], xmm12",
        "movups [rsp + {home} + {vectors} + 0xD0], xmm13",
        "movups [rsp + {home} + {vectors} + 0xE0], xmm14",
        "movups [rsp + {home} + {vectors} + 0xF0], xmm15",
        "pushfq",
        "and dword ptr [rsp], {regular}",
        "popfq",
        "mov dword ptr [rsp + {home}], {standard}",
        "ldmxcsr [rsp + {home}]",
        "lea rcx, [rsp + {home}]",
        "call {dispatch}",
        "lea rcx, [rsp + {home}]",
        "ldmxcsr [rcx + {mxcsr}]",
        "movups xmm0, [rcx + {vectors}]",
        "movups xmm1, [rcx + {vectors} + 0x10]",
        "movups xmm2, [rcx + {vectors} + 0x20]",
        "movups xmm3, [rcx + {vectors} + 0x30]",
        "movups xmm4, [rcx + {vectors} + 0x40]",
        "movups xmm5, [rcx + {vectors} + 0x50]",
        "movups xmm6, [rcx + {vectors} + 0x60]",
        "movups xmm7, [rcx + {vectors} + 0x70]",
        "movups xmm8, [rcx + {vectors} + 0x80]",
        "movups xmm9, [rcx + {vectors} + 0x90]",
        "movups xmm10, [rcx + {vectors} + 0xA0]",
        "movups xmm11, [rcx + {vectors} + 0xB0]",
        "movups xmm12, [rcx + {vectors} + 0xC0]",
        "movups xmm13, [rcx + {vectors} + 0xD0]",
        "movups xmm14, [rcx + {vectors} + 0xE0]",
        "movups xmm15, [rcx + {vectors} + 0xF0]",
        // Flags and address lie below the stack pointer that they are restored with.
        "mov rax, [rcx + {rax} + 0x20]",
        "mov rdx, [rcx + {rip}]",
        "mov [rax - 8], rdx",
        "mov edx, [rcx + {flags}]",
        "mov [rax - 16], rdx",
        "mov rdx, [rcx + {rax} + 0x10]",
        "mov rbx, [rcx + {rax} + 0x18]",
        "mov rbp, [rcx + {rax} + 0x28]",
        "mov rsi, [rcx + {rax} + 0x30]",
        "mov rdi, [rcx + {rax} + 0x38]",
        "mov r8, [rcx + {rax} + 0x40]",
        "mov r9, [rcx + {rax} + 0x48]",
        "mov r10, [rcx + {rax} + 0x50]",
        "mov r11, [rcx + {rax} + 0x58]",
        "mov r12, [rcx + {rax} + 0x60]",
        "mov r13, [rcx + {rax} + 0x68]",
        "mov r14, [rcx + {rax} + 0x70]",
        "mov r15, [rcx + {rax} + 0x78]",
        "lea rsp, [rax - 16]",
        "mov rax, [rcx + {rax}]",
        "mov rcx, [rcx + {rax} + 0x08]",
        "popfq",
        "ret",
        room = const ROOM,
        home = const HOME,
        rax = const offset_of!(CONTEXT, Rax),
        rip = const offset_of!(CONTEXT, Rip),
        flags = const offset_of!(CONTEXT, EFlags),
        mxcsr = const offset_of!(CONTEXT, MxCsr),
        vectors = const VECTORS,
        regular = const !convention::IRREGULAR_FLAGS.cast_signed(),
        standard = const convention::MXCSR,
        dispatch = sym super::dispatch::dispatch,
    )
}
