// SPDX-License-Identifier: MIT OR Apache-2.0

//! A module is switched off, which waits, with a spin lock held, at `DISPATCH_LEVEL`.

mod support;

use nmr::irql::WaitAllowed;
use nmr::{SpinLock, Switch};
use support::Server;

static SWITCH: Switch<Server> = Switch::new();

fn switch(lock: &SpinLock<u32>, wait: &WaitAllowed<'_>) {
    let _ = lock.with(|_| SWITCH.off(wait));
}

fn main() {}
