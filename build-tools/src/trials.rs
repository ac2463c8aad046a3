// SPDX-License-Identifier: MIT OR Apache-2.0

//! Trials of the tools themselves, which `test` runs: each runs a tier or makes a package, and
//! checks the result. It prints failures, and returns `true` if there are none.

pub(crate) mod address_sanitizer;
pub(crate) mod agreement;
pub(crate) mod documents;
mod elsewhere;
pub(crate) mod machine;
pub(crate) mod new_npi;
pub(crate) mod package;
pub(crate) mod page;
pub(crate) mod peers;
pub(crate) mod slurm;
pub(crate) mod soak;
pub(crate) mod standalone;
pub(crate) mod wine;
pub(crate) mod wine_guest;
pub(crate) mod without_events;
pub(crate) mod zoo;
