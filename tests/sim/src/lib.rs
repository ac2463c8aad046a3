// SPDX-License-Identifier: MIT OR Apache-2.0

//! A simulated kernel: it loads unmodified driver images into a Linux process, runs
//! them, unloads them, and reports what they did wrong.
//!
//! # Design
//!
//! - **A run is a function of its seed.** Threads are coroutines, time is
//!   virtual, memory has fixed addresses ([`Machine`]); each cycle starts a
//!   fresh kernel and depends on nothing but the images, the seed and its
//!   number. So any cycle can be replayed alone, and a run can be dealt to many
//!   processes.
//! - **Every call between modules is checked.** Imports lead through thunks, and so do
//!   the functions of dispatch tables, by a breakpoint at their first instruction.
//!   There IRQLs are checked, calls counted and threads switched. The tables themselves
//!   are the modules' own, and nothing in them is changed.
//! - **Memory that is not in use is inaccessible.** That holds for freed pool, unloaded
//!   images and the memory behind the end of a block; an access is a finding with
//!   driver and offset, and the process goes on.
//!
//! # Folders
//!
//! The state of a kernel has one part for each folder, which the folder owns and
//! others reach through its functions. A folder uses those above it in this list
//! and none below, which `tests/structure` checks:
//!
//! | folder | duty |
//! |---|---|
//! | `hardware` | address space, stacks, IRQLs, exceptions, breakpoints, what a driver may change of the processor |
//! | `loader` | images: mapping, imports, symbols; which address is whose code |
//! | `mutation` | copies of an image with one defect made by machine, which judge the checks |
//! | `scheduling` | threads, waits and time; who runs next |
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
//! `kernel.rs` puts the parts together and lends them out; `choices.rs` holds the
//! cycle's random choices; `costs.rs` measures where time goes; `cli` is the program around it all. So a new export is a function in a file of `exports`,
//! and a new check a function in `verifier` or `analysis`.
//!
//! # One call
//!
//! What happens when a driver calls `KeSetEvent`:
//!
//! 1. Its import address table, filled in by `loader`, leads to a thunk (`calls`).
//! 2. The thunk records the call on the thread (`scheduling::frame`) and checks the
//!    IRQL that the export's table allows. Then the thread is at a
//!    point: the scheduler may run another one.
//! 3. The export (`exports::sync::events`) does what Microsoft documents, on the
//!    driver's memory and on its own part of the state. What it finds wrong it
//!    passes to `findings::stop` with a bug check code.
//! 4. `findings` determines the calling place in the driver and its call stack, and
//!    ends the cycle with a [`Finding`](scenarios::Finding).
//! 5. Otherwise the thunk sees the call return, lets the scheduler choose again, and
//!    the driver goes on.
//!
//! A call through an NPI's dispatch table takes the same way with the peer's function
//! in place of the export, if the caller is the peer of the function's owner; there `verifier` checks the rules for bindings. When the
//! driver's unload routine has returned, `analysis::unload_leaks` checks what it left
//! behind, and the cycle's counts and finding go into the report.
//!
//! # Limits
//!
//! Linux on x86-64 only, because driver code runs natively; elsewhere the crate is empty
//! and its program says so. Threads switch at calls, at emulated instructions, in loops
//! that spin, after stores to what these look at, in some cycles at atomic instructions, and if
//! that is asked for at accesses to memory that threads share, but at no others. Driver code shares the address space of the simulated kernel: a write
//! to the memory of the program itself is not caught, and what comes of it may be the end
//! of the process.

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
