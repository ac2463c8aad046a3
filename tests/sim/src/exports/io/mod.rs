// SPDX-License-Identifier: MIT OR Apache-2.0

//! Devices, requests, and cancel-safe queues.

pub(crate) mod builds;
pub(crate) mod csq;
pub(crate) mod devices;
mod extensions;
pub(in crate::exports) mod freed;
pub(crate) mod irps;
mod mdls;
mod packets;
mod pages;
mod remove_locks;
mod shutdown;
mod stacks;
pub(in crate::exports) mod thread_end;

use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    builds::EXPORTS,
    csq::EXPORTS,
    devices::EXPORTS,
    extensions::EXPORTS,
    irps::EXPORTS,
    mdls::EXPORTS,
    packets::EXPORTS,
    pages::EXPORTS,
    remove_locks::EXPORTS,
    shutdown::EXPORTS,
    stacks::EXPORTS,
];
