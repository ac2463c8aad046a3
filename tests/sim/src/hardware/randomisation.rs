// SPDX-License-Identifier: MIT OR Apache-2.0

//! Switches the randomisation of the program's own addresses off: a driver can come across
//! them on its stack, below what the simulated kernel has left there, and a run is a
//! function of its seed.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Starts the program again without randomised addresses, if it has them and the system
/// allows it. Returns if it goes on as it is: some containers forbid it.
pub(crate) fn fix_addresses() {
    /// Asks for the persona.
    const QUERY: libc::c_ulong = 0xFFFF_FFFF;
    const FIXED: i32 = libc::ADDR_NO_RANDOMIZE;

    // SAFETY: the call changes nothing.
    let now = unsafe { libc::personality(QUERY) };
    if now == -1 || now & FIXED != 0 {
        return;
    }
    let wanted = libc::c_ulong::from((now | FIXED).cast_unsigned());
    // SAFETY: the call changes what happens when a program starts, and nothing else.
    let set = unsafe { libc::personality(wanted) };
    // SAFETY: as above.
    let is_set = set != -1 && unsafe { libc::personality(QUERY) } & FIXED != 0;
    if !is_set {
        return;
    }
    let mut arguments = env::args_os();
    let mut program = Command::new("/proc/self/exe");
    program.arg0(arguments.next().unwrap_or_default());
    // It returns only if it fails, and then the run is as good as ever.
    let _ = program.args(arguments).exec();
}
