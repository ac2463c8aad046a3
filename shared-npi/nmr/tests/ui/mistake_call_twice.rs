// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two calls are made of one, the second perhaps after the detach callback.

mod support;

use nmr::Call;
use support::User;

fn twice(call: Call<'_, User>) {
    call.make(|server| server.table().submit.is_some());
    call.make(|server| server.table().submit.is_some());
}

fn main() {}
