// SPDX-License-Identifier: MIT OR Apache-2.0

//! The I/O manager for control devices: files, requests and their completion.

pub(crate) mod buffers;
pub(crate) mod completion;
pub(crate) mod contract;
pub(crate) mod control;
pub(crate) mod files;
pub(crate) mod irp;
pub(crate) mod malformed;
pub(crate) mod requests;

use contract::Holds;
use files::Files;
use requests::Requests;

/// What the I/O manager keeps.
#[derive(Debug, Default)]
pub(crate) struct Io {
    pub(crate) files: Files,
    pub(crate) holds: Holds,
    pub(crate) requests: Requests,
}
