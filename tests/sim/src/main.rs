// SPDX-License-Identifier: MIT OR Apache-2.0

//! `sim`: the simulated kernel as a program of its own, for the tests of this crate.
//! `cargo nmr` contains it.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() -> std::process::ExitCode {
    sim::main(&std::env::args_os().skip(1).collect::<Vec<_>>())
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() -> std::process::ExitCode {
    eprintln!("error: the simulated kernel needs Linux on x86-64");
    std::process::ExitCode::from(2)
}
