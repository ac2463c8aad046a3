// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registration is put where no unload routine finds it.

mod support;

use std::sync::OnceLock;

use nmr::Registration;
use support::Sample;

static REGISTRATION: OnceLock<Registration<Sample>> = OnceLock::new();

fn main() {}
