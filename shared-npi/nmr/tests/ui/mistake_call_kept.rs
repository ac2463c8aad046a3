// SPDX-License-Identifier: MIT OR Apache-2.0

//! A call is kept beyond the callback in which it may be made.

mod support;

use nmr::Call;
use support::User;

struct Context {
    _call: Call<'static, User>,
}

fn attached(call: Call<'_, User>) -> Context {
    Context { _call: call }
}

fn main() {}
