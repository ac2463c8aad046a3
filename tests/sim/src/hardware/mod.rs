// SPDX-License-Identifier: MIT OR Apache-2.0

//! The processor and the address space: memory mappings, stacks, IRQLs, exceptions,
//! breakpoints, and the processor state that a driver may change. It does not depend on
//! drivers and threads.

pub(crate) mod accesses;
pub(crate) mod arena;
pub(crate) mod breakpoints;
pub(crate) mod convention;
pub(crate) mod driver_code;
pub(crate) mod host_memory;
pub(crate) mod irql;
pub(crate) mod randomisation;
pub(crate) mod registers;
pub(crate) mod replaced;
mod segments;
pub(crate) mod spin_loops;
pub(crate) mod stack;
mod system_calls;
pub(crate) mod trap;
mod watchdog;
