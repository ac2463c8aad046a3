// SPDX-License-Identifier: MIT OR Apache-2.0

//! The entry keeps its permission to register beyond its end.

use nmr::Loading;

struct Context {
    _loading: &'static Loading<'static>,
}

fn load(loading: &Loading<'_>) -> Context {
    Context { _loading: loading }
}

fn main() {}
