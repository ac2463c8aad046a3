// SPDX-License-Identifier: MIT OR Apache-2.0

//! `nmr-stress`: loads and unloads the pair repeatedly on a running Windows kernel.
//!
//! # Design
//!
//! The cycles are those of `scenarios`, as in every tier. Drivers are loaded and unloaded
//! by the service control manager or by `NtLoadDriver`; on a kernel without that call, a
//! driver does it. If the registrar reports events ([`channel::events`]), they are counted
//! and checked; otherwise, as on Windows itself, only the kernel and Driver Verifier
//! check. It prints JSON lines: the progress, and at the end a report.
//!
//! With `--kernel wine`, programs use drivers only while these are loaded. On Windows they
//! also use them during loads and unloads: a refused stop is repeated, a deferred one is
//! waited for, and a service that is about to stop gets no request without an open handle
//! that keeps it loaded.
//!
//! With `--restart`, the last step of a script may be a shutdown: the machine restarts while the
//! drivers of that step are loaded and unloaded without a break, which ends with this program.
//!
//! # Limits
//!
//! If the kernel crashes, there is no report: the program that started this one must
//! detect the crash.
//!
//! Never run on Windows. Not exercised under Wine are `NtLoadDriver`, which Wine does not
//! have, refused or deferred stops, refused loads, restarts, and programs that use drivers
//! meanwhile ([`pair`]).

#[cfg(windows)]
mod arguments;
#[cfg(windows)]
mod device;
#[cfg(windows)]
mod event_counts;
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
mod registrar_events;
#[cfg(windows)]
mod restart;
#[cfg(windows)]
mod run;
#[cfg(windows)]
mod service;
#[cfg(windows)]
mod settings;
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
