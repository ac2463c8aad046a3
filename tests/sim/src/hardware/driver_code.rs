// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls driver code from the simulated kernel, and checks on its return that it has kept
//! what Windows' calling convention has a function keep: the stack pointer, eight general
//! registers and `xmm6` to `xmm15`. The simulated kernel depends on them itself.
//!
//! Reference: <https://learn.microsoft.com/cpp/build/x64-calling-convention>.

#![expect(
    clippy::too_many_lines,
    reason = "a naked function is one piece of machine code"
)]

use std::arch::naked_asm;

use crate::hardware::convention;
use crate::hardware::registers::Registers;
use crate::hardware::trap::steps;

/// The most arguments of a routine that the kernel calls.
const ARGUMENTS: usize = 8;

/// The registers of [`enter`]'s frame, in the order of their addresses.
const KEPT: [&str; 8] = ["r15", "r14", "r13", "r12", "rdi", "rsi", "rbx", "rbp"];
/// The numbers of [`KEPT`].
const NUMBERS: [usize; 8] = [15, 14, 13, 12, 7, 6, 3, 5];

/// The offsets in [`enter`]'s frame: its own address, the vector registers, and the
/// general registers.
const OWN: usize = 0x40;
const VECTORS: usize = 0x50;
const GENERAL: usize = 0xF8;

/// Calls a routine of a driver with up to eight arguments. Returns its result.
///
/// # Safety
///
/// The routine is the driver's, for such arguments; anything else ends the thread.
pub(crate) unsafe fn call(routine: usize, arguments: &[usize]) -> usize {
    let mut all = [0; ARGUMENTS];
    all[..arguments.len()].copy_from_slice(arguments);
    steps::enter(routine);
    // SAFETY: the arguments are in memory; the rest is this function's contract.
    unsafe { enter(routine, &raw const all) }
}

/// What a routine has changed that returned to [`enter`] with these registers.
///
/// # Safety
///
/// `registers` are those with which [`enter`] went on to `convention::irregular`.
pub(in crate::hardware) unsafe fn changed(registers: &Registers) -> &'static str {
    let frame = registers.rsp();
    for (place, (name, number)) in KEPT.into_iter().zip(NUMBERS).enumerate() {
        let address = frame + GENERAL + place * size_of::<u64>();
        // SAFETY: the stack pointer leads to the frame, by this function's contract.
        if unsafe { (address as *const u64).read_unaligned() } != registers.0[number] {
            return name;
        }
    }
    "xmm6 to xmm15"
}

/// Calls `routine` with the eight `arguments`.
#[unsafe(naked)]
unsafe extern "win64" fn enter(routine: usize, arguments: *const [usize; ARGUMENTS]) -> usize {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push rsi",
        "push rdi",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, {general}",
        "movups [rsp + {vectors}], xmm6",
        "movups [rsp + {vectors} + 0x10], xmm7",
        "movups [rsp + {vectors} + 0x20], xmm8",
        "movups [rsp + {vectors} + 0x30], xmm9",
        "movups [rsp + {vectors} + 0x40], xmm10",
        "movups [rsp + {vectors} + 0x50], xmm11",
        "movups [rsp + {vectors} + 0x60], xmm12",
        "movups [rsp + {vectors} + 0x70], xmm13",
        "movups [rsp + {vectors} + 0x80], xmm14",
        "movups [rsp + {vectors} + 0x90], xmm15",
        "mov [rsp + {own}], rsp",
        "mov rax, rcx",
        "mov r10, rdx",
        "mov rcx, [r10 + 0x20]",
        "mov [rsp + 0x20], rcx",
        "mov rcx, [r10 + 0x28]",
        "mov [rsp + 0x28], rcx",
        "mov rcx, [r10 + 0x30]",
        "mov [rsp + 0x30], rcx",
        "mov rcx, [r10 + 0x38]",
        "mov [rsp + 0x38], rcx",
        "mov rcx, [r10]",
        "mov rdx, [r10 + 8]",
        "mov r8, [r10 + 0x10]",
        "mov r9, [r10 + 0x18]",
        "call rax",
        // The stack pointer, by which the rest is found.
        "mov r11d, {returned_elsewhere}",
        "cmp [rsp + {own}], rsp",
        "jne 2f",
        "mov r11d, {returned_changed}",
        "cmp [rsp + {general}], r15",
        "jne 2f",
        "cmp [rsp + {general} + 0x8], r14",
        "jne 2f",
        "cmp [rsp + {general} + 0x10], r13",
        "jne 2f",
        "cmp [rsp + {general} + 0x18], r12",
        "jne 2f",
        "cmp [rsp + {general} + 0x20], rdi",
        "jne 2f",
        "cmp [rsp + {general} + 0x28], rsi",
        "jne 2f",
        "cmp [rsp + {general} + 0x30], rbx",
        "jne 2f",
        "cmp [rsp + {general} + 0x38], rbp",
        "jne 2f",
        "pcmpeqd xmm6, [rsp + {vectors}]",
        "pcmpeqd xmm7, [rsp + {vectors} + 0x10]",
        "pcmpeqd xmm8, [rsp + {vectors} + 0x20]",
        "pcmpeqd xmm9, [rsp + {vectors} + 0x30]",
        "pcmpeqd xmm10, [rsp + {vectors} + 0x40]",
        "pcmpeqd xmm11, [rsp + {vectors} + 0x50]",
        "pcmpeqd xmm12, [rsp + {vectors} + 0x60]",
        "pcmpeqd xmm13, [rsp + {vectors} + 0x70]",
        "pcmpeqd xmm14, [rsp + {vectors} + 0x80]",
        "pcmpeqd xmm15, [rsp + {vectors} + 0x90]",
        "pand xmm6, xmm7",
        "pand xmm8, xmm9",
        "pand xmm10, xmm11",
        "pand xmm12, xmm13",
        "pand xmm14, xmm15",
        "pand xmm6, xmm8",
        "pand xmm10, xmm12",
        "pand xmm6, xmm14",
        "pand xmm6, xmm10",
        "pmovmskb ecx, xmm6",
        "cmp ecx, 0xFFFF",
        "jne 2f",
        "movups xmm6, [rsp + {vectors}]",
        "movups xmm7, [rsp + {vectors} + 0x10]",
        "movups xmm8, [rsp + {vectors} + 0x20]",
        "movups xmm9, [rsp + {vectors} + 0x30]",
        "movups xmm10, [rsp + {vectors} + 0x40]",
        "movups xmm11, [rsp + {vectors} + 0x50]",
        "movups xmm12, [rsp + {vectors} + 0x60]",
        "movups xmm13, [rsp + {vectors} + 0x70]",
        "movups xmm14, [rsp + {vectors} + 0x80]",
        "movups xmm15, [rsp + {vectors} + 0x90]",
        "add rsp, {general}",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rdi",
        "pop rsi",
        "pop rbx",
        "pop rbp",
        "ret",
        "2:",
        "jmp {irregular}",
        own = const OWN,
        vectors = const VECTORS,
        general = const GENERAL,
        returned_elsewhere = const convention::RETURNED_ELSEWHERE,
        returned_changed = const convention::RETURNED_CHANGED,
        irregular = sym convention::irregular,
    )
}
