// SPDX-License-Identifier: MIT OR Apache-2.0

//! The proof of `PASSIVE_LEVEL` is the value of a spin lock, and so is available at
//! `DISPATCH_LEVEL`.

use nmr::SpinLock;
use nmr::irql::PassiveLevel;

fn sleep(_passive: &PassiveLevel<'_>) {}

fn work(passive: &PassiveLevel<'_>) {
    SpinLock::new(passive).with(|passive| sleep(passive));
}

fn main() {}
