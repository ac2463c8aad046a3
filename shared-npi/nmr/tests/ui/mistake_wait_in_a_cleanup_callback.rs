// SPDX-License-Identifier: MIT OR Apache-2.0

//! The drop of a binding context, which runs in the cleanup callback, waits while it switches a
//! module off.

mod support;

use nmr::Switch;
use support::User;

static SWITCH: Switch<User> = Switch::new();

struct Context;

impl Drop for Context {
    fn drop(&mut self) {
        let _ = SWITCH.off();
    }
}

fn main() {}
