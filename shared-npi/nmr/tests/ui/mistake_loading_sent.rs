// SPDX-License-Identifier: MIT OR Apache-2.0

//! The entry passes its permission to register to a thread, which may use it after the
//! entry has failed.

mod support;

use nmr::Loading;
use support::Server;

fn load(loading: Loading<'static>) {
    std::thread::spawn(move || drop(loading.register(Server)));
}

fn main() {}
