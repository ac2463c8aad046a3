// SPDX-License-Identifier: MIT OR Apache-2.0

//! A dispatch function keeps a peer's structure beyond the call.

mod support;

use nmr::dispatch::Lent;
use nmr::{Binding, Module};
use support::Characteristics;

fn keep(_what: Lent<'static, Characteristics>) {}

nmr::dispatch_fn! {
    fn tell[M: Module](binding: &Binding<M>, what: Lent<'call, Characteristics>) {
        let _ = binding.module();
        keep(what);
    }
}

fn main() {}
