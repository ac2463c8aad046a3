// SPDX-License-Identifier: MIT OR Apache-2.0

//! A dispatch function stores the binding in a static, where it is used after it has been
//! cleaned up.

mod support;

use std::sync::OnceLock;

use nmr::Binding;
use support::Server;

static KEPT: OnceLock<&'static Binding<Server>> = OnceLock::new();

nmr::dispatch_fn! {
    fn keep(binding: &Binding<Server>) {
        let _ = KEPT.set(binding);
    }
}

fn main() {}
