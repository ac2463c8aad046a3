// SPDX-License-Identifier: MIT OR Apache-2.0

//! A registration is deregistered twice.

mod support;

use nmr::{Registered, Registration};
use support::Server;

fn unload(modules: Registered<'_, Registration<Server>>) {
    let _first = modules.deregister();
    let _second = modules.deregister();
}

fn main() {}
