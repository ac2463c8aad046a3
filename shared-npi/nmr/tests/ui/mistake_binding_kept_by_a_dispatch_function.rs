// SPDX-License-Identifier: MIT OR Apache-2.0

//! A dispatch function keeps the binding beyond the call, and so beyond its cleanup.

mod support;

use std::sync::OnceLock;

use nmr::Binding;
use support::Server;

trait Keeping: nmr::Module {
    fn keep(binding: &'static Binding<Self>);
}

static KEPT: OnceLock<&'static Binding<Server>> = OnceLock::new();

impl Keeping for Server {
    fn keep(binding: &'static Binding<Self>) {
        let _ = KEPT.set(binding);
    }
}

nmr::dispatch_fn! {
    fn keep[M: Keeping](binding: &Binding<M>) {
        M::keep(binding);
    }
}

fn main() {}
