// SPDX-License-Identifier: MIT OR Apache-2.0

//! Locks, dispatcher objects and rundown protection.

pub(crate) mod blocking_locks;
pub(crate) mod dispatcher;
pub(in crate::exports) mod event_handles;
pub(crate) mod events;
pub(crate) mod mutexes;
mod run_once;
pub(crate) mod rundown;
pub(crate) mod spin_locks;

use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    blocking_locks::EXPORTS,
    dispatcher::EXPORTS,
    event_handles::EXPORTS,
    events::EXPORTS,
    mutexes::EXPORTS,
    run_once::EXPORTS,
    rundown::EXPORTS,
    spin_locks::EXPORTS,
];
