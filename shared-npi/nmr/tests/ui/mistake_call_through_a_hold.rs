// SPDX-License-Identifier: MIT OR Apache-2.0

//! What keeps the binding attached is taken for permission to call.

mod support;

use nmr::Hold;
use support::User;

fn later(hold: Hold<User>) {
    hold.make(|server| server.table().submit);
}

fn main() {}
