// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider keeps a request without pending it: it lives as long as the call.

mod support;

use nmr::request::{Answer, Pended, Submitted};
use support::Store;

fn submit<'call>(store: &Store, request: Submitted<'call, Store>) -> Answer<'call> {
    let kept: Pended<Store> = request;
    store.questions.add(kept);
    request.pend().1
}

fn main() {}
