// SPDX-License-Identifier: MIT OR Apache-2.0

//! A module passes no dispatch table in an NPI that requires one.

mod support;

use nmr::Table;
use support::User;

const TABLE: Table<User> = Table::NONE;

fn main() {
    let _ = TABLE;
}
