// SPDX-License-Identifier: MIT OR Apache-2.0

//! A request is completed twice.

mod support;

use shared_npi::echo::provider::Pended;
use support::Sample;

fn complete(request: Pended<Sample>) {
    let _first = request.echo();
    let _second = request.cancel();
}

fn main() {}
