// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registration is stored where no unload routine finds it, and where it outlives an
//! entry that fails.

mod support;

use std::sync::{Mutex, OnceLock};

use nmr::Registration;
use support::Server;

static ONE: OnceLock<Registration<Server>> = OnceLock::new();
static OTHER: Mutex<Option<Registration<Server>>> = Mutex::new(None);

fn main() {}
