// SPDX-License-Identifier: MIT OR Apache-2.0

//! An attach callback waits, with the proof of `PASSIVE_LEVEL` that it has.

mod support;

use nmr::Pending;
use nmr::irql::PassiveLevel;
use support::Server;

fn attach(pending: Pending<Server>, passive: &PassiveLevel<'_>) {
    let _ = pending.wait_for_provider_deregister_complete(passive);
}

fn main() {}
