// SPDX-License-Identifier: MIT OR Apache-2.0

//! Simulated threads and time: the choice of the next thread, and the resulting schedule.

pub(crate) mod clocks;
pub(crate) mod frame;
pub(crate) mod preemption;
pub(crate) mod routine;
pub(crate) mod schedule;
mod scheduler;
pub(crate) mod strategy;
pub(crate) mod system_clock;
mod thread;

pub(crate) use scheduler::{
    Guard, MICROSECOND, Next, SECOND, Scheduler, abandon, block, block_interruptibly, give_way,
    join, point, point_in_code, preempt, sleep, spin, terminate,
};
pub(crate) use thread::{
    Attachment, EnteredRegion, Pause, Region, SavedState, Thread, ThreadId, Waitable, Woken,
};
