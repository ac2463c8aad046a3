// SPDX-License-Identifier: MIT OR Apache-2.0

//! A call is sent to another thread, which makes it later.

mod support;

use nmr::Call;
use support::User;

fn attached(call: Call<'static, User>) {
    std::thread::spawn(move || call.make(|server| server.table().submit.is_some()));
}

fn main() {}
