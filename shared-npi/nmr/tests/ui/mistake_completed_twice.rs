// SPDX-License-Identifier: MIT OR Apache-2.0

//! A request is completed twice.

mod support;

use nmr::NtStatus;
use nmr::request::Pended;
use support::Server;

fn complete(request: Pended<Server>) {
    request.complete(NtStatus::SUCCESS);
    request.complete(NtStatus::CANCELLED);
}

fn main() {}
