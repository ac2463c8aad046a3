// SPDX-License-Identifier: MIT OR Apache-2.0

//! A function that runs at `DISPATCH_LEVEL` waits: it has no proof of
//! `PASSIVE_LEVEL`, and cannot make one.

mod support;

use nmr::Pending;
use nmr::irql::PassiveLevel;
use support::Sample;

fn detach_callback(pending: Pending<Sample>) {
    let passive = PassiveLevel::assume();
    let _ = pending.wait(&passive);
}

fn main() {}
