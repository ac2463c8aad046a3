// SPDX-License-Identifier: MIT OR Apache-2.0

//! An attach callback switches a module off, with its proof of `PASSIVE_LEVEL` instead of
//! the permission to wait.

mod support;

use nmr::Switch;
use nmr::irql::PassiveLevel;
use support::User;

static SWITCH: Switch<User> = Switch::new();

fn attach(passive: &PassiveLevel<'_>) {
    let _ = SWITCH.off(passive);
}

fn main() {}
