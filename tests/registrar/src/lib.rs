// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Network Module Registrar as documented, nothing kinder.

#![no_std]

extern crate alloc;

pub mod finding;
pub mod host;
pub mod knobs;
