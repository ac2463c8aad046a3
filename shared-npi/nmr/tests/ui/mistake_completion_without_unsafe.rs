// SPDX-License-Identifier: MIT OR Apache-2.0

//! A call is made although the binding may be detaching, without an assertion that it is
//! due.

mod support;

use nmr::Hold;
use support::User;

fn later(hold: Hold<User>) {
    hold.complete(|server| server.table().submit.is_some());
}

fn main() {}
