// SPDX-License-Identifier: MIT OR Apache-2.0

//! The permission to wait is kept for a time when it does not hold.

use nmr::irql::WaitAllowed;

struct Context {
    _wait: &'static WaitAllowed<'static>,
}

fn unload(wait: &WaitAllowed<'_>) -> Context {
    Context { _wait: wait }
}

fn main() {}
