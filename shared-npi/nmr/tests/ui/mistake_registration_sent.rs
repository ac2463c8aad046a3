// SPDX-License-Identifier: MIT OR Apache-2.0

//! The entry passes its registration to a thread, and fails.

mod support;

use nmr::Registration;
use support::Server;

fn load(registration: Registration<Server>) {
    std::thread::spawn(move || drop(registration));
}

fn main() {}
