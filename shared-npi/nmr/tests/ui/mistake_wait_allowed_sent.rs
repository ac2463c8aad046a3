// SPDX-License-Identifier: MIT OR Apache-2.0

//! The permission to wait is passed to another thread.

use nmr::irql::WaitAllowed;

fn thread_context<T: Send>(_context: T) {}

fn unload(wait: WaitAllowed<'static>) {
    thread_context(wait);
}

fn main() {}
