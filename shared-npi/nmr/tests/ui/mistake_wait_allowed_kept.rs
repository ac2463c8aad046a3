// SPDX-License-Identifier: MIT OR Apache-2.0

//! The permission to wait is kept beyond the time in which it holds.

use nmr::irql::WaitAllowed;

struct Context {
    _wait: &'static WaitAllowed<'static>,
}

fn unload(wait: &WaitAllowed<'_>) -> Context {
    Context { _wait: wait }
}

fn main() {}
