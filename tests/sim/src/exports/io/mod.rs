// SPDX-License-Identifier: MIT OR Apache-2.0

//! Devices, requests, and cancel-safe queues.

pub(crate) mod csq;
pub(crate) mod devices;
pub(crate) mod irps;
mod mdls;
mod remove_locks;

use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    csq::EXPORTS,
    devices::EXPORTS,
    irps::EXPORTS,
    mdls::EXPORTS,
    remove_locks::EXPORTS,
];
