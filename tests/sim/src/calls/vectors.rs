// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keeps the vector registers that a driver with exception handlers has at a call to the
//! kernel: if the function faults, its handlers go on with them. The other registers that
//! functions must keep are in the call's frame.

use std::arch::naked_asm;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kernel::State;

/// Where [`keep`] writes to.
static KEPT: AtomicUsize = AtomicUsize::new(0);
/// Where it goes on.
static TARGET: AtomicUsize = AtomicUsize::new(0);

/// The address that leads the innermost call of the current thread to `target`, and keeps
/// the registers on the way.
pub(super) fn keep_on_way(state: &mut State, target: usize) -> usize {
    let current = state.scheduling.current_mut();
    let depth = current.frames.len();
    if current.vectors.len() < depth {
        current.vectors.resize(depth, [0; 10]);
    }
    KEPT.store(
        (&raw mut current.vectors[depth - 1]).addr(),
        Ordering::Relaxed,
    );
    TARGET.store(target, Ordering::Relaxed);
    keep as *const () as usize
}

/// Keeps `xmm6` to `xmm15` and goes on at the function that is called. Nothing runs between
/// [`keep_on_way`] and this.
#[unsafe(naked)]
unsafe extern "win64" fn keep() {
    naked_asm!(
        "mov rax, [rip + {kept}]",
        "movups [rax], xmm6",
        "movups [rax + 0x10], xmm7",
        "movups [rax + 0x20], xmm8",
        "movups [rax + 0x30], xmm9",
        "movups [rax + 0x40], xmm10",
        "movups [rax + 0x50], xmm11",
        "movups [rax + 0x60], xmm12",
        "movups [rax + 0x70], xmm13",
        "movups [rax + 0x80], xmm14",
        "movups [rax + 0x90], xmm15",
        "jmp [rip + {target}]",
        kept = sym KEPT,
        target = sym TARGET,
    )
}
