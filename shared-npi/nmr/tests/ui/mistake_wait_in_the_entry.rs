// SPDX-License-Identifier: MIT OR Apache-2.0

//! The entry waits, with its permission to register instead of the permission to wait.

mod support;

use nmr::{Loading, Switch};
use support::User;

static SWITCH: Switch<User> = Switch::new();

fn load(loading: Loading<'_>) {
    let _ = SWITCH.off(&loading);
    let _ = SWITCH.off(loading.passive());
}

fn main() {}
