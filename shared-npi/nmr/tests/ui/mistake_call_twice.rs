// SPDX-License-Identifier: MIT OR Apache-2.0

//! One call is made twice, the second time perhaps after the detach callback.

mod support;

use nmr::Call;
use support::User;

fn twice(call: Call<'_, User>) {
    call.make(|server| server.table().submit.is_some());
    call.make(|server| server.table().submit.is_some());
}

fn main() {}
