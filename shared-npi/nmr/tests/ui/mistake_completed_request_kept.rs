// SPDX-License-Identifier: MIT OR Apache-2.0

//! A client keeps a completed request longer than its binding.

mod support;

use std::sync::Mutex;

use nmr::request::Completed;
use support::User;

static KEPT: Mutex<Vec<Completed<'static, User>>> = Mutex::new(Vec::new());

fn completed(request: Completed<'_, User>) {
    KEPT.lock().unwrap().push(request);
}

fn main() {}
