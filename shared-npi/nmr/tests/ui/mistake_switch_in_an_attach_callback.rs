// SPDX-License-Identifier: MIT OR Apache-2.0

//! An attach callback switches a module off, with the proof of `PASSIVE_LEVEL` that it
//! has.

mod support;

use nmr::Switch;
use nmr::irql::PassiveLevel;
use support::User;

static SWITCH: Switch<User> = Switch::new();

fn attach(passive: &PassiveLevel<'_>) {
    let _ = SWITCH.off(passive);
}

fn main() {}
