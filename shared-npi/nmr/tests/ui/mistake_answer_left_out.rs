// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider answers none of the requests that it is sent.

mod support;

use nmr::request::{Answer, Submitted};
use support::Server;

fn submit<'call>(request: Submitted<'call, Server>) -> Answer<'call> {
    drop(request);
}

fn main() {}
