// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider answers one request with the answer to another.

mod support;

use nmr::NtStatus;
use nmr::request::{Answer, Submitted};
use support::Server;

fn submit<'one, 'other>(
    one: Submitted<'one, Server>,
    other: Submitted<'other, Server>,
) -> Answer<'one> {
    let _ = one.answer(NtStatus::SUCCESS);
    other.answer(NtStatus::SUCCESS)
}

fn main() {}
