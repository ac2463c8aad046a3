// SPDX-License-Identifier: MIT OR Apache-2.0

//! The processor and the address space: memory mappings, stacks, IRQLs,
//! exceptions and breakpoints. It knows no driver and no thread.

pub(crate) mod arena;
pub(crate) mod breakpoints;
pub(crate) mod irql;
pub(crate) mod registers;
pub(crate) mod spin_loops;
pub(crate) mod stack;
pub(crate) mod trap;
