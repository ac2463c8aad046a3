// SPDX-License-Identifier: MIT OR Apache-2.0

//! The entry deregisters a single module.

mod support;

use nmr::{Registered, Registration};
use support::Server;

fn load(registration: Registration<Server>) {
    let _ = Registered::new(registration).deregister();
}

fn main() {}
