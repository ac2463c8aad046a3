// SPDX-License-Identifier: MIT OR Apache-2.0

//! A function that was copied from a peer's table is called, perhaps at any later time.

mod support;

use nmr::Call;
use support::User;

fn later(call: Call<'_, User>) {
    let submit = call.make(|server| server.table().submit);
    if let Some(submit) = submit {
        submit(core::ptr::null_mut(), core::ptr::null_mut());
    }
}

fn main() {}
