// SPDX-License-Identifier: MIT OR Apache-2.0

//! The proof of `PASSIVE_LEVEL` is kept beyond the time in which it holds.

use nmr::irql::PassiveLevel;

struct Context {
    _passive: &'static PassiveLevel<'static>,
}

fn attach(passive: &PassiveLevel<'_>) -> Context {
    Context { _passive: passive }
}

fn main() {}
