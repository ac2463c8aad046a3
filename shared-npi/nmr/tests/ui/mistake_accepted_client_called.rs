// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider calls a client before the attach is committed.

mod support;

use nmr::Accepted;
use support::Server;

fn accepted(client: Accepted<Server>) {
    let hold = client.committed();
    let _ = hold.binding().enter();
}

fn main() {}
