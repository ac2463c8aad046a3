// SPDX-License-Identifier: MIT OR Apache-2.0

//! The proof that a switch is open is stored where no unload routine finds it.

mod support;

use std::sync::Mutex;

use nmr::Switched;
use support::User;

static SWITCHED: Mutex<Option<Switched<User>>> = Mutex::new(None);

fn main() {}
