// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions that driver code is led to where it calls nobody, with every register
//! preserved: at a breakpoint, a point of the scheduler like any other; in a spin loop,
//! one at which the thread has found nothing changed.

use std::arch::naked_asm;

use crate::hardware::convention;
use crate::scheduling::{preempt, spin};

/// The address of the function for breakpoints.
pub(crate) fn stub() -> usize {
    preempt_stub as *const () as usize
}

/// The address of the function for spin loops.
pub(crate) fn spin_stub() -> usize {
    spun_stub as *const () as usize
}

/// A function that keeps all registers that `$body` may change, and the flags.
macro_rules! preserving {
    ($name:ident => $body:ident) => {
        #[unsafe(naked)]
        unsafe extern "win64" fn $name() {
            naked_asm!(
                "pushfq",
                "push rax",
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
                "call {body}",
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
                "pop rax",
                "popfq",
                "ret",
                regular = const !convention::IRREGULAR_FLAGS.cast_signed(),
                mxcsr = const convention::MXCSR,
                body = sym $body,
            )
        }
    };
}

preserving!(preempt_stub => preempted);
preserving!(spun_stub => spun);

unsafe extern "win64" fn preempted() {
    preempt();
}

unsafe extern "win64" fn spun() {
    spin();
}
