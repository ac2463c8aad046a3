// SPDX-License-Identifier: MIT OR Apache-2.0

//! A thread registers a module: it has no permission, and cannot create one.

mod support;

use nmr::Loading;
use support::Server;

fn thread() {
    let loading = Loading::assume();
    let _ = loading.register(Server);
}

fn main() {}
