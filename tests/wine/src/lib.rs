// SPDX-License-Identifier: MIT OR Apache-2.0

//! Driver images under Wine: an independent kernel and service control manager, with
//! threads that run in parallel.
//!
//! # Design
//!
//! A [`Prefix`] is a machine that is created for one run and removed after it. A shim
//! (`ntoskrnl`) adds what Wine's kernel lacks, and the registrar is `netio.sys`: both are
//! in the [`Payload`]. [`Prefix::run`] starts one program, which does not depend on Wine,
//! as a [`Session`]; when it exits, all processes of the session are killed. A crash of
//! Wine's kernel is found in the session's log ([`KernelCrash`]), and is a finding in the
//! report of a [`Run`].
//!
//! | module | duty |
//! |---|---|
//! | `installation`, `programs`, `processor` | the installed Wine, its programs, the processor of a session |
//! | `prefix`, `prefix_copy`, `ownership`, `registry`, `payload` | prefixes: creating, copying, owning and filling them |
//! | `session`, `processes` | one program in a prefix, and the processes of its session |
//! | `run`, `crash`, `dump` | a run of cycles, a crash of the kernel, its dump |
//!
//! # Limits
//!
//! Wine has no paging, and unloads a driver that is still referenced: defects of that
//! kind do not show.

mod crash;
mod dump;
mod exports;
mod installation;
mod ownership;
mod payload;
mod prefix;
mod prefix_copy;
mod processes;
mod processor;
mod programs;
mod registry;
mod run;
mod session;

pub use crash::KernelCrash;
pub use dump::Dump;
pub use exports::exports;
pub use installation::{Installation, Missing, installation};
pub use payload::{IMAGES, Payload};
pub use prefix::{DIRECTORY, ORIGINAL_KERNEL, Prefix};
pub use processes::has_processes;
pub use programs::boot_template;
pub use run::{Run, RunResult, probe};
pub use session::{Session, SessionEnd};
