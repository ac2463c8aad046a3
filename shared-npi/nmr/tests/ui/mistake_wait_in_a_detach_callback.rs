// SPDX-License-Identifier: MIT OR Apache-2.0

//! A function that runs in a detach callback waits: it has no permission, and cannot create
//! one.

mod support;

use nmr::irql::WaitAllowed;
use nmr::{Pending, Switch};
use support::{Server, User};

static SWITCH: Switch<User> = Switch::new();

fn detaching(pending: Pending<Server>) {
    let wait = WaitAllowed::assume();
    let _ = pending.wait_for_provider_deregister_complete(&wait);
    let _ = SWITCH.off(&wait);
}

fn main() {}
