// SPDX-License-Identifier: MIT OR Apache-2.0

//! A deregistration is begun and its answer not looked at.

#![deny(unused_must_use)]

mod support;

use nmr::Registration;
use support::Sample;

fn switch_off(registration: Registration<Sample>) {
    registration.deregister();
}

fn main() {}
