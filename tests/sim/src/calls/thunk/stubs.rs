// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine code that calls between modules pass, on their way in and out.

use std::arch::naked_asm;

use super::passage::{check_kept, enter, leave};
use crate::hardware::convention;
use crate::hardware::stack;

/// The common code of all thunks: `eax` is the thunk's number, everything else
/// the caller's.
#[unsafe(naked)]
pub(super) unsafe extern "win64" fn enter_stub() {
    naked_asm!(
        "mov [rip + {entered}], rsp",
        // The stack: the thread's own, aligned but for the return address.
        "mov r11, rsp",
        "sub r11, [rip + {stack}]",
        "cmp r11, {stack_length}",
        "jae 3f",
        "and r11d, 15",
        "cmp r11d, 8",
        "jne 3f",
        "pushfq",
        "test dword ptr [rsp], {flags}",
        "lea rsp, [rsp + 8]",
        "jnz 3f",
        "sub rsp, 0xD8",
        "stmxcsr [rsp + 0x20]",
        "fnstsw [rsp + 0x24]",
        "fnstcw [rsp + 0x28]",
        "mov r10d, [rsp + 0x20]",
        "and r10d, {control}",
        "cmp r10d, {mxcsr}",
        "jne 2f",
        "movzx r10d, word ptr [rsp + 0x24]",
        "test r10d, {x87_in_use}",
        "jnz 2f",
        "movzx r10d, word ptr [rsp + 0x28]",
        "cmp r10d, {x87}",
        "jne 2f",
        "mov [rsp + 0x20], rcx",
        "mov [rsp + 0x28], rdx",
        "mov [rsp + 0x30], r8",
        "mov [rsp + 0x38], r9",
        "movups [rsp + 0x40], xmm0",
        "movups [rsp + 0x50], xmm1",
        "movups [rsp + 0x60], xmm2",
        "movups [rsp + 0x70], xmm3",
        "mov [rsp + 0x80], rbx",
        "mov [rsp + 0x88], rbp",
        "mov [rsp + 0x90], rsi",
        "mov [rsp + 0x98], rdi",
        "mov [rsp + 0xA0], r12",
        "mov [rsp + 0xA8], r13",
        "mov [rsp + 0xB0], r14",
        "mov [rsp + 0xB8], r15",
        "mov ecx, eax",
        "lea rdx, [rsp + 0xD8]",
        "lea r8, [rsp + 0x80]",
        "call {enter}",
        "mov rcx, [rsp + 0x20]",
        "mov rdx, [rsp + 0x28]",
        "mov r8, [rsp + 0x30]",
        "mov r9, [rsp + 0x38]",
        "movups xmm0, [rsp + 0x40]",
        "movups xmm1, [rsp + 0x50]",
        "movups xmm2, [rsp + 0x60]",
        "movups xmm3, [rsp + 0x70]",
        "add rsp, 0xD8",
        "jmp rax",
        "2:",
        "add rsp, 0xD8",
        "3:",
        "mov r11d, {called}",
        "jmp {irregular}",
        called = const convention::CALLED,
        enter = sym enter,
        irregular = sym convention::irregular,
        stack = sym stack::CURRENT,
        entered = sym stack::ENTERED,
        stack_length = const stack::SLOT,
        flags = const convention::IRREGULAR_FLAGS,
        control = const convention::MXCSR_CONTROL,
        mxcsr = const convention::MXCSR,
        x87 = const convention::X87_CONTROL,
        x87_in_use = const convention::X87_IN_USE,
    )
}

/// The return address of a call to the kernel: the stack is the caller's, the result is
/// in `rax` or `xmm0`.
#[unsafe(naked)]
pub(super) unsafe extern "win64" fn leave_stub() {
    naked_asm!(
        "sub rsp, 0x40",
        "mov [rsp + 0x20], rax",
        "movups [rsp + 0x28], xmm0",
        "lea rcx, [rsp + 0x20]",
        "call {leave}",
        "mov [rsp + 0x38], rax",
        "mov rax, [rsp + 0x20]",
        "movups xmm0, [rsp + 0x28]",
        "add rsp, 0x38",
        "ret",
        leave = sym leave,
    )
}

/// The return address of a call to another driver, which may leave the processor in any
/// state.
#[unsafe(naked)]
pub(super) unsafe extern "win64" fn leave_driver_stub() {
    naked_asm!(
        "pushfq",
        "test dword ptr [rsp], {flags}",
        "lea rsp, [rsp + 8]",
        "jnz 3f",
        "sub rsp, 0x10",
        "stmxcsr [rsp]",
        "fnstsw [rsp + 4]",
        "fnstcw [rsp + 8]",
        "mov r10d, [rsp]",
        "and r10d, {control}",
        "cmp r10d, {mxcsr}",
        "jne 2f",
        "movzx r10d, word ptr [rsp + 4]",
        "test r10d, {x87_in_use}",
        "jnz 2f",
        "movzx r10d, word ptr [rsp + 8]",
        "cmp r10d, {x87}",
        "jne 2f",
        // The registers that the function must keep.
        "sub rsp, 0x70",
        "mov [rsp + 0x20], rax",
        "movups [rsp + 0x28], xmm0",
        "mov [rsp + 0x38], rbx",
        "mov [rsp + 0x40], rbp",
        "mov [rsp + 0x48], rsi",
        "mov [rsp + 0x50], rdi",
        "mov [rsp + 0x58], r12",
        "mov [rsp + 0x60], r13",
        "mov [rsp + 0x68], r14",
        "mov [rsp + 0x70], r15",
        "lea rcx, [rsp + 0x38]",
        "lea rdx, [rsp + 0x80]",
        "call {check_kept}",
        "mov rax, [rsp + 0x20]",
        "movups xmm0, [rsp + 0x28]",
        "add rsp, 0x80",
        "jmp {leave_stub}",
        "2:",
        "add rsp, 0x10",
        "3:",
        "mov r11d, {returned}",
        "jmp {irregular}",
        returned = const convention::RETURNED,
        leave_stub = sym leave_stub,
        check_kept = sym check_kept,
        irregular = sym convention::irregular,
        flags = const convention::IRREGULAR_FLAGS,
        control = const convention::MXCSR_CONTROL,
        mxcsr = const convention::MXCSR,
        x87 = const convention::X87_CONTROL,
        x87_in_use = const convention::X87_IN_USE,
    )
}

/// Returns `true` if a call that returns to `home` ends in [`leave`].
pub(crate) fn is_return(home: usize) -> bool {
    [leave_stub as *const (), leave_driver_stub as *const ()]
        .iter()
        .any(|stub| stub.addr() == home)
}
