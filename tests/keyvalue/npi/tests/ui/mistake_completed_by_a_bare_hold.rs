// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider calls a client through a hold, which may outlive the detach callback: it
//! must promise that the call is due.

mod support;

use nmr::Hold;
use support::Store;

fn complete_later(hold: Hold<Store>) {
    hold.complete(|_client| ());
}

fn main() {}
