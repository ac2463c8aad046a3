// SPDX-License-Identifier: MIT OR Apache-2.0

//! A dispatch function does something unsafe without the keyword.

use nmr::dispatch::Value;
use nmr::{Binding, Module};

nmr::dispatch_fn! {
    fn poke[M: Module](binding: &Binding<M>, place: Value<*mut u32>) {
        let _ = binding.module();
        *place.0 = 1;
    }
}

fn main() {}
