// SPDX-License-Identifier: MIT OR Apache-2.0

//! `sim`: runs a range of cycles in the simulated kernel and prints JSON lines:
//! its progress, and a report in the end. `cargo xtask stress` runs several of these
//! and merges their reports. `sim --describe FILE` describes a driver image.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod cli;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod describe;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() -> std::process::ExitCode {
    sim::fix_addresses();
    describe::main().unwrap_or_else(cli::main)
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() -> std::process::ExitCode {
    eprintln!(
        "error: the simulated kernel runs driver code natively and needs Linux on x86-64: \
         use another tier, or such a machine"
    );
    std::process::ExitCode::from(2)
}
