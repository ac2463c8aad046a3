// SPDX-License-Identifier: MIT OR Apache-2.0

//! A hold, which keeps the binding attached, is used to call the peer.

mod support;

use nmr::Hold;
use support::User;

fn later(hold: Hold<User>) {
    hold.make(|server| server.table().submit);
}

fn main() {}
