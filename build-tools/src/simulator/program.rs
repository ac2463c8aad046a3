// SPDX-License-Identifier: MIT OR Apache-2.0

//! The simulated kernel inside this program, which starts itself to run it: each run has an
//! address space of its own, and a driver that destroys it ends nothing else.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use child::program::own_path;

/// The first argument of a process that is the simulated kernel.
const NAME: &str = "sim";

/// The arguments of the simulated kernel, if this process is to be it.
pub(crate) fn arguments() -> Option<Vec<OsString>> {
    let mut arguments = env::args_os().skip(1);
    (arguments.next()? == NAME).then(|| arguments.collect())
}

/// Runs the simulated kernel in this process.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn main(arguments: Vec<OsString>) -> ExitCode {
    sim::main(&arguments)
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(crate) fn main(_: Vec<OsString>) -> ExitCode {
    crate::terminal::error(
        "the simulated kernel runs driver code natively and needs Linux on x86-64: \
         use another tier, or such a machine",
    );
    crate::terminal::CANNOT.into()
}

/// A command that starts the simulated kernel.
pub(super) fn command() -> Command {
    let mut command = Command::new(own_path());
    command.arg(NAME);
    command
}
