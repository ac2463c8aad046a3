// SPDX-License-Identifier: MIT OR Apache-2.0

//! The proof of `PASSIVE_LEVEL` is passed to another thread.

use nmr::irql::PassiveLevel;

fn thread_context<T: Send>(_context: T) {}

fn attach(passive: PassiveLevel<'static>) {
    thread_context(passive);
}

fn main() {}
