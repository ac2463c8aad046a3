// SPDX-License-Identifier: MIT OR Apache-2.0

//! Threads, IRQLs, time, and routines that the kernel calls later.

mod apcs;
mod attachment;
mod broadcasts;
pub(crate) mod callbacks;
pub(crate) mod dpcs;
mod extended;
pub(crate) mod levels;
pub(in crate::exports) mod processes;
mod processors;
pub(crate) mod stacks;
pub(crate) mod threads;
pub(crate) mod time;
pub(crate) mod timers;
pub(crate) mod work_items;

use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    apcs::EXPORTS,
    attachment::EXPORTS,
    broadcasts::EXPORTS,
    callbacks::EXPORTS,
    dpcs::EXPORTS,
    extended::EXPORTS,
    levels::EXPORTS,
    processes::EXPORTS,
    processors::EXPORTS,
    stacks::EXPORTS,
    threads::EXPORTS,
    time::EXPORTS,
    timers::EXPORTS,
    work_items::EXPORTS,
];
