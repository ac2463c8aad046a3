// SPDX-License-Identifier: MIT OR Apache-2.0

//! The peer's table is used when the call is over.

mod support;

use nmr::Call;
use support::{ProviderTable, User};

fn table<'a>(call: Call<'a, User>) -> &'a ProviderTable {
    call.make(|server| server.table())
}

fn main() {}
