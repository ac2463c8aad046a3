// SPDX-License-Identifier: MIT OR Apache-2.0

//! A client cancels a request whose slot may have another request by then.

mod support;

use nmr::request::PendingCall;
use support::User;

fn later(pending: PendingCall<'_, User>) {
    drop(pending);
    pending.cancel();
}

fn main() {}
