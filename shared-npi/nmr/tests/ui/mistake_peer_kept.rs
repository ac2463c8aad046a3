// SPDX-License-Identifier: MIT OR Apache-2.0

//! The peer's table is used after the call.

mod support;

use nmr::Call;
use support::{ProviderTable, User};

fn table<'a>(call: Call<'a, User>) -> &'a ProviderTable {
    call.make(|server| server.table())
}

fn main() {}
