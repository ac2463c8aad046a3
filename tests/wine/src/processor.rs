// SPDX-License-Identifier: MIT OR Apache-2.0

//! On which processor a session runs.
//!
//! Wine's server and those it serves hand each request to and fro. On one
//! processor that is a switch; from one to another it is an interrupt, which
//! costs several times as much on a virtual machine. Threads that drivers make
//! are not held: the kernel lets them go anywhere.

use std::io;
use std::process::{Child, Command};

/// Starts `command` on processor `number` of those that this thread may use,
/// counted round and round.
#[cfg(target_os = "linux")]
pub(crate) fn spawn_on(number: usize, command: &mut Command) -> io::Result<Child> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let all = sched_getaffinity(None)?;
    let usable: Vec<_> = (0..CpuSet::MAX_CPU).filter(|&it| all.is_set(it)).collect();
    let mut one = CpuSet::new();
    one.set(usable[number % usable.len()]);
    // A process begins where the thread is that starts it.
    sched_setaffinity(None, &one)?;
    let child = command.spawn();
    sched_setaffinity(None, &all)?;
    child
}

/// Starts `command`, wherever this system likes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn spawn_on(_: usize, command: &mut Command) -> io::Result<Child> {
    command.spawn()
}
