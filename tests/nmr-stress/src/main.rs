// SPDX-License-Identifier: MIT OR Apache-2.0

//! `nmr-stress`: loads and unloads the pair on a running kernel, over and over.
//!
//! # Design
//!
//! The cycles are those of `scenarios`, as for every other tier. Drivers come
//! and go through the service control manager or by `NtLoadDriver`; on a kernel
//! that has no such call, a driver does it. Where the registrar tells what
//! happens ([`channel::events`]), that is counted and checked; elsewhere, as on
//! Windows itself, the kernel and its verifier are the judges. It prints JSON
//! lines: how far it has come, and at last a report.
//!
//! With `--kernel wine` programs use the drivers only while these stay. On Windows
//! they use them while they come and go: a stop that a driver refuses is repeated, one
//! that a handle puts off is waited for, and no service is started or asked for
//! anything that is about to stop without a handle that keeps it.
//!
//! # Limits
//!
//! It dies with the kernel. Whoever started it knows how the kernel died.
//!
//! It has not been run on Windows. What is tried under Wine is all but this:
//! `NtLoadDriver`, which Wine does not have, stops that are refused or put off, and
//! programs beside them ([`pair`]); only a machine with Windows can show those.

#[cfg(windows)]
mod arguments;
#[cfg(windows)]
mod device;
#[cfg(windows)]
mod loader;
#[cfg(windows)]
mod output;
#[cfg(windows)]
mod pair;
#[cfg(windows)]
mod privilege;
#[cfg(windows)]
mod program;
#[cfg(windows)]
mod run;
#[cfg(windows)]
mod service;
#[cfg(windows)]
mod settings;
#[cfg(windows)]
mod tally;
#[cfg(windows)]
mod watch;
#[cfg(windows)]
mod watchdog;
#[cfg(windows)]
mod wide;

#[cfg(windows)]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(windows))]
fn main() -> std::process::ExitCode {
    eprintln!("error: this program stresses a Windows kernel: run it on one, or under Wine");
    std::process::ExitCode::from(2)
}
