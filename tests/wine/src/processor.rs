// SPDX-License-Identifier: MIT OR Apache-2.0

//! The processor on which a session runs.
//!
//! Wine's server and its clients switch at every request. On one processor that is a
//! context switch; between two it is an interrupt, which costs several times as much on a
//! virtual machine. Threads that drivers create are not bound to it.

use std::io;
use std::process::{Child, Command};

/// Starts `command` on the processor `number` of those that this thread may use, modulo
/// their number.
#[cfg(target_os = "linux")]
pub(crate) fn spawn_on(number: usize, command: &mut Command) -> io::Result<Child> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let all = sched_getaffinity(None)?;
    let usable: Vec<_> = (0..CpuSet::MAX_CPU).filter(|&it| all.is_set(it)).collect();
    let mut one = CpuSet::new();
    one.set(usable[number % usable.len()]);
    // A process inherits the affinity of the thread that starts it.
    sched_setaffinity(None, &one)?;
    let child = command.spawn();
    sched_setaffinity(None, &all)?;
    child
}

/// Starts `command` on any processor.
#[cfg(not(target_os = "linux"))]
pub(crate) fn spawn_on(_: usize, command: &mut Command) -> io::Result<Child> {
    command.spawn()
}
