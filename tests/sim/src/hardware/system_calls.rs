// SPDX-License-Identifier: MIT OR Apache-2.0

//! System calls that driver code makes do not reach Linux: they raise SIGSYS.
//!
//! Linux dispatches them by the address of the instruction
//! (`PR_SET_SYSCALL_USER_DISPATCH`, since 5.11). Everything that the simulated machine
//! maps lies below the program and its libraries, so one range is enough. On an older
//! Linux only the instructions that the loader finds in an image are caught.

use crate::hardware::arena::COPY;

const PR_SET_SYSCALL_USER_DISPATCH: i32 = 59;
const PR_SYS_DISPATCH_ON: usize = 1;
/// The end of the addresses of a Linux process.
const END: usize = 1 << 47;
/// Calls from outside of the range raise a signal.
const BLOCK: u8 = 1;

/// The length of the instructions with which a system call is made.
pub(crate) const LENGTH: usize = 2;

static SELECTOR: u8 = BLOCK;

/// Has Linux refuse the system calls of driver code on this OS thread.
pub(crate) fn refuse() {
    let allowed = COPY.end;
    // SAFETY: the program and its libraries lie above the arena, the selector is never
    // moved. A Linux that does not know the request refuses it, and nothing changes.
    unsafe {
        libc::prctl(
            PR_SET_SYSCALL_USER_DISPATCH,
            PR_SYS_DISPATCH_ON,
            allowed,
            END - allowed,
            &raw const SELECTOR,
        );
    }
}
