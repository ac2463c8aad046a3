// SPDX-License-Identifier: MIT OR Apache-2.0

//! A deregistration is begun, and its result is ignored.

#![deny(unused_must_use)]

mod support;

use nmr::{Registered, Registration};
use support::Server;

fn unload(modules: Registered<'_, Registration<Server>>) {
    modules.deregister();
}

fn main() {}
