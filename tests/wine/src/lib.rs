// SPDX-License-Identifier: MIT OR Apache-2.0

//! Driver images under Wine: an independent kernel and service control manager,
//! with threads that truly run at the same time.
//!
//! # Design
//!
//! A [`Prefix`] is a machine made for one run and gone after it. What Wine's
//! kernel lacks is put before it (`ntoskrnl`), and `netio.sys` is the
//! registrar: a [`Kit`] has all of it. A program that knows nothing of Wine runs in
//! it as the first and only one ([`Prefix::run`]); when it has ended, what is left
//! of the session is ended too. How a session died is read from what it said
//! ([`Death`]), and is in the report of a [`Run`] of cycles.
//!
//! # Limits
//!
//! Wine knows no paging, and unloads a driver whatever still refers to it: it says
//! nothing about those.

mod death;
mod dump;
mod exports;
mod inhabitants;
mod installation;
mod kit;
mod left;
mod prefix;
mod processor;
mod programs;
mod registry;
mod run;
mod session;
mod twin;

pub use death::Death;
pub use dump::Dump;
pub use exports::exports;
pub use inhabitants::is_inhabited;
pub use installation::{Installation, Missing, installation};
pub use kit::{IMAGES, Kit};
pub use prefix::{DIRECTORY, ORIGINAL_KERNEL, Prefix};
pub use programs::boot_template;
pub use run::{Ran, Run, probe};
pub use session::{Ended, Session};
