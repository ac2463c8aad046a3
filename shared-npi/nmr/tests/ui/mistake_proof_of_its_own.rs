// SPDX-License-Identifier: MIT OR Apache-2.0

//! A driver defines its own kind of modules, whose deregistration it does not carry out.

use nmr::Modules;

struct Mine;

impl Modules for Mine {
    type Deregistrations = ();
    type Deregistered = ();
}

fn main() {}
