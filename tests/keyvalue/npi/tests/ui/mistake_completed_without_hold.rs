// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider takes the client's function and context out of a call, to complete a
//! request when nothing keeps the binding attached.

mod support;

use keyvalue::Request;
use nmr::{Call, Peer};
use support::Store;

fn complete_later(call: Call<'_, Store>, request: *mut Request) {
    let peer: Peer<'_, Store> = call.make(|peer| peer);
    let complete = peer.table().complete.expect("the table was accepted");
    unsafe { complete(peer.context(), request) };
}

fn main() {}
