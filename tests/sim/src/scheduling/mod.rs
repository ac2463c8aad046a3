// SPDX-License-Identifier: MIT OR Apache-2.0

//! Simulated threads and time: who runs next, and the schedule that results.

pub(crate) mod schedule;
pub(crate) mod scheduler;
pub(crate) mod strategy;
