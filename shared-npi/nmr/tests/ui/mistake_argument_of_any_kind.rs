// SPDX-License-Identifier: MIT OR Apache-2.0

//! A dispatch function takes an argument for which a peer may pass an invalid value.

use nmr::dispatch::Value;
use nmr::{Binding, Module};

nmr::dispatch_fn! {
    fn tell[M: Module](binding: &Binding<M>, urgent: Value<bool>) {
        let _ = (binding.module(), urgent.0);
    }
}

fn main() {}
