// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver waits for a provider with the function for clients.

mod support;

use nmr::Pending;
use nmr::irql::WaitAllowed;
use support::Server;

fn unload(pending: Pending<Server>, wait: &WaitAllowed<'_>) {
    let _ = pending.wait_for_client_deregister_complete(wait);
}

fn main() {}
