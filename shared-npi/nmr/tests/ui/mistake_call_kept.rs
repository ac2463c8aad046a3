// SPDX-License-Identifier: MIT OR Apache-2.0

//! A call that may be made now is kept beyond the callback.

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
