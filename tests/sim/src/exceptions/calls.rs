// SPDX-License-Identifier: MIT OR Apache-2.0

//! Exceptions inside functions of the kernel, such as `memcpy` from an address that a program
//! has passed: the call is abandoned, and the driver's handlers find the exception at it.
//!
//! # Limits
//!
//! The function does not return, so that what it has begun stays as it is.

use std::arch::naked_asm;

use crate::analysis::exception::{self, report_exception};
use crate::exports::exceptions::Raised;
use crate::hardware::registers::Registers;
use crate::hardware::trap::{self, Exception};
use crate::kernel::{State, kernel, with};
use crate::scheduling::frame::Callee;
use crate::scheduling::terminate;

/// The address of the code that a thread goes on at whose call has faulted in the kernel.
pub(crate) fn faulted() -> usize {
    fault_in_call as *const () as usize
}

/// Passes the exception on to the handlers of the driver that has called, or reports it.
unsafe extern "sysv64" fn fault_in_call() -> ! {
    kernel().release();
    let fault = trap::take_pending();
    let Some((registers, vectors)) = with(|state| raise_at_call(state, &fault)) else {
        with(|state| report_exception(state, &fault));
        terminate();
    };
    // SAFETY: the registers are those of the call, whose function is abandoned; the
    // dispatcher finds the exception in the state.
    unsafe {
        go_on(
            &raw const registers.0,
            trap::dispatcher(),
            &raw const vectors,
        )
    }
}

/// Raises the exception at the innermost call of a driver. Returns the registers that the
/// driver has there; `None` if no handler could prevent the bug check.
fn raise_at_call(state: &mut State, fault: &Exception) -> Option<(Registers, [u128; 10])> {
    let current = state.scheduling.current();
    let frame = current.frames.last()?;
    let vectors = *current.vectors.get(current.frames.len() - 1)?;
    let (Callee::Import { .. }, registers) = (frame.call, frame.registers) else {
        return None;
    };
    let raisable = exception::raisable(state, fault)?;
    let thread = state.scheduling.current_id();
    let raised = Raised {
        status: raisable.status,
        what: String::new(),
        fault: Some((*fault, raisable.information)),
    };
    state.exports.exceptions.raise(thread, raised);
    Some((registers, vectors))
}

/// Goes on at `target` with these registers, numbered as the processor does, and with `vectors`
/// in `xmm6` to `xmm15`.
#[unsafe(naked)]
unsafe extern "sysv64" fn go_on(
    registers: *const [u64; 16],
    target: usize,
    vectors: *const [u128; 10],
) -> ! {
    naked_asm!(
        "movups xmm6, [rdx]",
        "movups xmm7, [rdx + 0x10]",
        "movups xmm8, [rdx + 0x20]",
        "movups xmm9, [rdx + 0x30]",
        "movups xmm10, [rdx + 0x40]",
        "movups xmm11, [rdx + 0x50]",
        "movups xmm12, [rdx + 0x60]",
        "movups xmm13, [rdx + 0x70]",
        "movups xmm14, [rdx + 0x80]",
        "movups xmm15, [rdx + 0x90]",
        "mov rax, rsi",
        "mov rbx, [rdi + 0x18]",
        "mov rsp, [rdi + 0x20]",
        "mov rbp, [rdi + 0x28]",
        "mov rsi, [rdi + 0x30]",
        "mov r12, [rdi + 0x60]",
        "mov r13, [rdi + 0x68]",
        "mov r14, [rdi + 0x70]",
        "mov r15, [rdi + 0x78]",
        "mov rdi, [rdi + 0x38]",
        "jmp rax",
    )
}
