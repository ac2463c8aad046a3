// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider answers `STATUS_PENDING` for a request that it has not pended.

mod support;

use nmr::NtStatus;
use nmr::request::{Answer, Submitted};
use support::Server;

fn submit<'call>(request: Submitted<'call, Server>) -> Answer<'call> {
    drop(request);
    Answer(NtStatus::PENDING, Default::default())
}

fn main() {}
