// SPDX-License-Identifier: MIT OR Apache-2.0

//! A registration is ended twice.

mod support;

use nmr::Registration;
use support::Sample;

fn unload(registration: Registration<Sample>) {
    let _first = registration.deregister();
    let _second = registration.deregister();
}

fn main() {}
