// SPDX-License-Identifier: MIT OR Apache-2.0

//! A provider answers one request with the answer to another.

mod support;

use shared_npi::echo::provider::{Answer, Submitted};
use support::Sample;

fn submit<'one, 'other>(
    one: Submitted<'one, Sample>,
    other: Submitted<'other, Sample>,
) -> Answer<'one> {
    let _ = one.echo_now();
    other.echo_now()
}

fn main() {}
