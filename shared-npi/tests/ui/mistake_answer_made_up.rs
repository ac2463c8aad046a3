// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider answers `STATUS_PENDING` for a request that it has not kept.

mod support;

use nmr::NtStatus;
use shared_npi::echo::provider::{Answer, Submitted};
use support::Sample;

fn submit<'call>(request: Submitted<'call, Sample>) -> Answer<'call> {
    drop(request);
    Answer(NtStatus::PENDING, Default::default())
}

fn main() {}
