// SPDX-License-Identifier: MIT OR Apache-2.0

//! The segment bases: `fs` is the host's own and leads to its thread-local variables,
//! `gs` leads to the simulated processor's control region.
//!
//! A driver that changes `fs` takes the variables away on which a signal handler and the
//! whole simulated kernel depend. So signals enter through [`entry`], which
//! restores the base first.

use std::arch::{asm, naked_asm};
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::hardware::arena::PROCESSOR;
use crate::hardware::trap::handle;

/// Whether the processor's instructions for segment bases may be used.
static USABLE: AtomicBool = AtomicBool::new(false);
/// The base that `fs` has on the thread of the simulated kernel.
static HOST: AtomicUsize = AtomicUsize::new(0);
/// The stack of the signal handlers of that thread.
static STACK_START: AtomicUsize = AtomicUsize::new(0);
static STACK_END: AtomicUsize = AtomicUsize::new(0);
/// Whether [`entry`] has found another base.
static CHANGED: AtomicBool = AtomicBool::new(false);

/// Records the thread's own base, and directs `gs` to the control region. The thread
/// handles signals on `stack`.
pub(crate) fn install(stack: &Range<usize>) -> io::Result<()> {
    /// `arch_prctl`: sets the base of `gs`.
    const ARCH_SET_GS: i32 = 0x1001;
    /// The bit of `AT_HWCAP2` by which Linux permits the instructions.
    const FSGSBASE: u64 = 1 << 1;

    // SAFETY: the call sets a register that nothing in this process uses.
    let result = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, PROCESSOR.start) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    STACK_START.store(stack.start, Ordering::Relaxed);
    STACK_END.store(stack.end, Ordering::Relaxed);
    // SAFETY: the call reads a value of the process.
    let usable = unsafe { libc::getauxval(libc::AT_HWCAP2) } & FSGSBASE != 0;
    if usable {
        let base: usize;
        // SAFETY: Linux permits the instruction, and it changes nothing.
        unsafe { asm!("rdfsbase {base}", base = out(reg) base, options(nomem, nostack)) };
        HOST.store(base, Ordering::Relaxed);
    }
    USABLE.store(usable, Ordering::Relaxed);
    Ok(())
}

/// Returns `true` if `fs` had another base when a signal came.
pub(crate) fn take_changed() -> bool {
    CHANGED.swap(false, Ordering::Relaxed)
}

/// The entry of all signal handlers: restores what compiled code relies on, and goes on
/// to [`handle`]. Linux itself has cleared the direction flag and reset the
/// floating-point state.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn entry(
    signal: i32,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    naked_asm!(
        "pushfq",
        "and dword ptr [rsp], {regular}",
        "popfq",
        "cmp byte ptr [rip + {usable}], 0",
        "je 2f",
        // Other threads of the process have a base, and a stack, of their own.
        "cmp rsp, [rip + {stack_start}]",
        "jb 2f",
        "cmp rsp, [rip + {stack_end}]",
        "ja 2f",
        "rdfsbase rax",
        "cmp rax, [rip + {host}]",
        "je 2f",
        "xor eax, eax",
        "mov fs, ax",
        "mov rax, [rip + {host}]",
        "wrfsbase rax",
        "mov byte ptr [rip + {changed}], 1",
        "2:",
        "jmp {handle}",
        regular = const !super::convention::IRREGULAR_FLAGS.cast_signed(),
        usable = sym USABLE,
        host = sym HOST,
        stack_start = sym STACK_START,
        stack_end = sym STACK_END,
        changed = sym CHANGED,
        handle = sym handle,
    )
}
