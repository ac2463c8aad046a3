// SPDX-License-Identifier: MIT OR Apache-2.0

//! An attach callback waits, with its proof of `PASSIVE_LEVEL` instead of the permission.

mod support;

use nmr::Pending;
use nmr::irql::PassiveLevel;
use support::Server;

fn attach(pending: Pending<Server>, passive: &PassiveLevel<'_>) {
    let _ = pending.wait_for_provider_deregister_complete(passive);
}

fn main() {}
