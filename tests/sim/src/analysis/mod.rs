// SPDX-License-Identifier: MIT OR Apache-2.0

//! The explanation of failures from the state of the whole kernel, of which it reads every part.

mod address;
pub(crate) mod deadlock;
pub(crate) mod dispatch_time;
pub(crate) mod exception;
mod instruction;
mod operand;
pub(crate) mod unload_leaks;
mod wait_graph;
mod wild_code;
