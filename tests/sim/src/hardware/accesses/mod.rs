// SPDX-License-Identifier: MIT OR Apache-2.0

//! Instructions of driver code that access memory: each tells a recorder before it is
//! executed, so that data races are found.
//!
//! # Design
//!
//! Straight runs of instructions ([`blocks`]) are moved to code outside the image
//! ([`slots`]), where a call of the recorder precedes each access. A jump leads there, from
//! the first access of the run: so one jump serves many accesses, and there is nearly always
//! room for it. Nothing jumps into the middle of a run, as far as the code shows; in a
//! function whose `switch` tables are not understood, or that handles exceptions, each
//! access is moved alone, and an `int3` stands where a jump has no room.
//!
//! # What is left out
//!
//! - Operands in the function's own frame (`rsp`, and `rbp` where it is the frame pointer),
//!   pushes and pops: nobody else has their address but by what is passed on, and those
//!   accesses are recorded on the side that got it.
//! - Calls and jumps by a pointer in memory.
//! - Instructions in prologues and those that are replaced or emulated.

mod blocks;
mod functions;
mod operand;
mod slots;

pub(crate) use blocks::Blocks;
pub(crate) use operand::AccessKind;
pub(crate) use slots::{AccessPoint, clear, continuation, home_of, plant, target_of};
