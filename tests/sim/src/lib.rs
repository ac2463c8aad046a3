// SPDX-License-Identifier: MIT OR Apache-2.0

//! A simulated kernel, which loads unmodified driver images into a Linux process, runs
//! them, unloads them, and reports their defects.
//!
//! # Design
//!
//! - **A run is a function of its seed.** Threads are coroutines, time is
//!   virtual, memory has fixed addresses ([`Machine`]); each cycle starts a
//!   new kernel and depends only on the images, the seed and its number. So any
//!   cycle can be replayed by itself, and a run can be divided among processes.
//! - **Every call between modules is checked.** Imports go through thunks, and so do the
//!   functions of dispatch tables, through a breakpoint at their first instruction. The
//!   thunks check IRQLs, count calls and switch threads. The tables themselves belong to
//!   the modules and are not changed.
//! - **Unused memory is inaccessible:** freed pool, unloaded images, and the memory after
//!   the end of a block. An access is a finding with driver and offset, and the process
//!   continues.
//!
//! # Folders
//!
//! The state of a kernel has one part for each folder, which the folder owns and others
//! access through its functions. A folder uses only those above it in this list, which
//! `tests/structure` checks:
//!
//! | folder | duty |
//! |---|---|
//! | `hardware` | address space, stacks, IRQLs, exceptions, breakpoints, the processor state that a driver may change |
//! | `loader` | images: mapping, imports, symbols, the owner of a code address |
//! | `mutation` | copies of an image with one generated defect, which test the checks |
//! | `scheduling` | threads, waits and time; the choice of the next thread |
//! | `memory` | pool, pageable memory, variables of the kernel image |
//! | `findings` | bug checks and rules, the responsible driver, call stacks |
//! | `verifier` | checks while drivers run: locks, callbacks, calls through dispatch tables, data races, injected faults |
//! | `calls` | the thunk that every call between modules passes |
//! | `objects` | handles, names, registry, access control, DPCs, timers, work items and the filter engine |
//! | `io` | the I/O manager: files, requests, completion |
//! | `network` | sockets of Winsock Kernel, and the loopback network behind them |
//! | `nmr` | the registrar's host; state transitions of the modules |
//! | `analysis` | explains exceptions, deadlocks and leaks from the whole state |
//! | `exports` | the functions of `ntoskrnl.exe`, `netio.sys`, `cng.sys`, `fwpkclnt.sys` and `ndis.sys`, by area |
//! | `exceptions` | passes exceptions in driver code to the handlers of drivers |
//! | `emulation` | instructions that Microsoft's headers inline, and others that need a kernel |
//! | `wdf` | the driver framework |
//! | `run` | one cycle: service control manager, programs, the loop that runs threads; replay and minimising |
//!
//! `kernel.rs` combines the parts and gives access to them; `choices.rs` has the cycle's
//! random choices; `costs.rs` measures where cycles spend their time; `cli` is the program.
//! A new export is a function in a file of `exports`, and a new check a function in
//! `verifier` or `analysis`.
//!
//! # One call
//!
//! What happens when a driver calls `KeSetEvent`:
//!
//! 1. Its import address table, which `loader` has filled in, points to a thunk (`calls`).
//! 2. The thunk records the call on the thread (`scheduling::frame`) and checks that the
//!    export's table allows the IRQL. Then the thread is at a point: the scheduler may run
//!    another thread.
//! 3. The export (`exports::sync::events`) does what Microsoft documents, on the driver's
//!    memory and on its own part of the state. If it detects a defect, it calls
//!    `findings::stop` with a bug check code.
//! 4. `findings` determines the place of the call in the driver and the call stack, and
//!    ends the cycle with a [`Finding`](scenarios::Finding).
//! 5. Otherwise the call returns through the thunk, the scheduler chooses again, and the
//!    driver continues.
//!
//! A call through an NPI's dispatch table takes the same path, with the peer's function in
//! place of the export, if the caller is the peer of the function's owner; `verifier` then
//! checks the rules for bindings. When the driver's unload routine has returned,
//! `analysis::unload_leaks` checks for leaks, and the cycle's counts and finding go into
//! the report.
//!
//! # Limits
//!
//! It runs only on Linux on x86-64, because driver code runs natively; elsewhere the crate
//! is empty, and its program says so. Threads switch only at calls, at emulated
//! instructions, in spin loops, after stores to the memory that these poll, and in some
//! cycles at atomic instructions and at accesses to shared memory. Driver code shares the
//! address space of the simulated kernel: a write to the memory of the program itself is
//! not caught, and may end the process.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod analysis;
mod calls;
mod choices;
mod cli;
mod costs;
mod emulation;
mod exceptions;
mod exports;
mod findings;
mod hardware;
mod io;
mod kernel;
mod loader;
mod memory;
mod mutation;
mod network;
mod nmr;
mod objects;
#[cfg(test)]
mod reference;
mod run;
mod scheduling;
mod verifier;
mod wdf;

#[cfg(test)]
use tests::know_pair;

pub use cli::main;
pub use loader::image::{Image, LoadError};
pub use run::machine::{Machine, Outcome, SetupError};
pub use run::matrix::{Case, Matrix, Row};
pub use run::minimise::{CannotMinimise, Failure, Minimised, Searched, minimise};
pub use run::open_points::{FailedCycle, Weight, judge, open_points};
pub use run::options::{Images, Options, Tracing, UnloadCosts};
pub use run::unload_cost::UnloadCost;
pub use scenarios::RaceSearch;
pub use scheduling::schedule::Schedule;
pub use scheduling::strategy::Strategy;
pub use verifier::faults::{Fault, FaultKind, Faults};

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Once;

    use npi_description::{know, read};

    /// Makes the NPIs of the pair known.
    pub(crate) fn know_pair() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared-npi/src");
            let files = ["echo", "telemetry"].map(|npi| source.join(npi).join("npi.toml"));
            know(read(&files).expect("they are read by a test of theirs"));
        });
    }
}
