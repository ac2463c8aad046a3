// SPDX-License-Identifier: MIT OR Apache-2.0

//! Machines that run the pair: virtual machines booted on this host, and others reached
//! by SSH.
//!
//! # Design
//!
//! A [`Guest`] describes a machine; its [`Profile`] is data, and contains all that depends
//! on the operating system. A [`Session`] is one machine from start to end: it is booted on
//! an overlay that is discarded, an agent runs commands in it, and a monitor reports events
//! from outside. The [end of a program](ProgramEnd) distinguishes a crash, a hang, a lost
//! agent and a full disk. Dumps and logs are copied to the host before the machine is
//! removed.
//!
//! The guest `rehearsal` is made of Debian packages. Its kernel under test is Wine's; if
//! that crashes, the guest crashes as well, so that every step for a Windows guest is
//! exercised.
//!
//! | room | duty |
//! |---|---|
//! | `catalogue`, `profile`, `ssh_server` | descriptions of guests and operating systems |
//! | `machine`, `monitor`, `accelerator`, `rehearsal_disk` | virtual machines on this host |
//! | `agent` | commands and files in a guest, by QEMU's agent or SSH |
//! | `session` | one machine from start to end, and the program that runs in it |
//!
//! # Limits
//!
//! Machines are booted on Unix hosts only; on other hosts they are reached by SSH. The
//! profile for Windows has never been run on Windows.

mod accelerator;
#[cfg(unix)]
mod accelerator_trial;
mod agent;
mod catalogue;
mod dump;
#[cfg(unix)]
mod machine;
#[cfg(unix)]
mod monitor;
mod profile;
mod rehearsal_disk;
mod session;
mod ssh_server;
#[cfg(all(test, feature = "sshd", target_os = "linux"))]
mod sshd;

pub use accelerator::{Accelerator, AcceleratorChoice};
pub use catalogue::{Catalogue, Guest, Hardware, Kernel, Place};
pub use dump::{BugCheck, bug_check};
pub use profile::{DUMP, LOG, Profile};
pub use rehearsal_disk::{DiskStep, REHEARSAL, RehearsalDisk};
pub use session::{Failure, ProgramEnd, Session};
pub use ssh_server::SshServer;
