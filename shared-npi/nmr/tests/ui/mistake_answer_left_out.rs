// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider does not answer its requests.

mod support;

use nmr::request::{Answer, Submitted};
use support::Server;

fn submit<'call>(request: Submitted<'call, Server>) -> Answer<'call> {
    drop(request);
}

fn main() {}
