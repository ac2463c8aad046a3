// SPDX-License-Identifier: MIT OR Apache-2.0

//! Machines that run the pair: virtual ones that are booted here, and others
//! that are reached by SSH.
//!
//! # Design
//!
//! A [`Guest`] says what a machine is; its [`Profile`] is all that differs from
//! one operating system to another, and is data. A [`Session`] is one machine from
//! its start to its end: it is booted on an overlay that is thrown away, an
//! agent acts in it, a monitor tells what happens to it from outside. How a
//! program's run in it [ended](End) is told apart, and what is left of a machine
//! that crashed or hangs is brought home before it goes.
//!
//! The guest called `rehearsal` is made here of Debian's packages. Its kernel
//! under test is Wine's, and where that one dies the guest dies with it: each step
//! that a Windows guest needs is taken there, too.
//!
//! # Limits
//!
//! Machines are booted on Unix hosts only; from others they are reached by SSH.
//! The profile for Windows has never met a Windows.

mod accelerator;
mod agent;
mod catalogue;
mod dump;
mod image;
mod interrupt;
#[cfg(unix)]
mod machine;
#[cfg(unix)]
mod monitor;
mod profile;
mod session;
#[cfg(all(test, feature = "sshd", target_os = "linux"))]
mod sshd;
#[cfg(unix)]
mod trial;

pub use accelerator::{Accelerator, Wanted};
pub use agent::ssh::Ssh;
pub use catalogue::{Catalogue, Guest, Hardware, Kernel, Place, REHEARSAL};
pub use dump::{BugCheck, bug_check};
pub use image::{Image, Step};
pub use interrupt::interrupted;
pub use profile::{DUMP, LOG, Profile};
pub use session::{End, Session, Trouble};
