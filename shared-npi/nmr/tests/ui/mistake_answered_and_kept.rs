// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider pends a request and answers it as well.

mod support;

use nmr::NtStatus;
use nmr::request::{Answer, Pended, Submitted};
use support::Server;

fn submit<'call>(request: Submitted<'call, Server>) -> (Pended<Server>, Answer<'call>) {
    let (pended, _answer) = request.pend();
    (pended, request.answer(NtStatus::SUCCESS))
}

fn main() {}
