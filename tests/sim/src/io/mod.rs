// SPDX-License-Identifier: MIT OR Apache-2.0

//! The I/O manager for control devices: files, requests and their completion.

pub(crate) mod buffers;
pub(crate) mod completion;
pub(crate) mod control;
pub(crate) mod files;
pub(crate) mod irp;
pub(crate) mod malformed;
pub(crate) mod requests;
pub(crate) mod shutdown;

use files::Files;
use requests::Requests;
use shutdown::Shutdown;

/// What the I/O manager keeps.
#[derive(Debug, Default)]
pub(crate) struct Io {
    pub(crate) files: Files,
    pub(crate) requests: Requests,
    pub(crate) shutdown: Shutdown,
}
