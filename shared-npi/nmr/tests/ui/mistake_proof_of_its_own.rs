// SPDX-License-Identifier: MIT OR Apache-2.0

//! A driver has modules of its own kind, whose deregistration it makes up.

use nmr::Modules;

struct Mine;

impl Modules for Mine {
    type Deregistrations = ();
    type Deregistered = ();
}

fn main() {}
