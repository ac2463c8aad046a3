// SPDX-License-Identifier: MIT OR Apache-2.0

//! The function that a breakpoint in driver code calls: a point of the scheduler
//! like any other, with every register preserved.

use std::arch::naked_asm;

use crate::hardware::convention;
use crate::scheduling::point;

/// The address of the function.
pub(crate) fn stub() -> usize {
    preempt_stub as *const () as usize
}

/// Keeps all registers that [`preempted`] may change, and the flags.
#[unsafe(naked)]
unsafe extern "win64" fn preempt_stub() {
    naked_asm!(
        "pushfq",
        "push rcx",
        "push rdx",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push rbp",
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
        "call {preempted}",
        "ldmxcsr [rsp + 0x80]",
        "movups xmm0, [rsp + 0x20]",
        "movups xmm1, [rsp + 0x30]",
        "movups xmm2, [rsp + 0x40]",
        "movups xmm3, [rsp + 0x50]",
        "movups xmm4, [rsp + 0x60]",
        "movups xmm5, [rsp + 0x70]",
        "mov rsp, rbp",
        "pop rbp",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdx",
        "pop rcx",
        "popfq",
        "ret",
        regular = const !convention::IRREGULAR_FLAGS.cast_signed(),
        mxcsr = const convention::MXCSR,
        preempted = sym preempted,
    )
}

unsafe extern "win64" fn preempted() {
    point();
}
