// SPDX-License-Identifier: MIT OR Apache-2.0

//! A structure's layout is declared by hand, without an assertion that it is right.

use nmr::layout::{AnyBits, Check, Layout};

struct Wrong {
    _urgent: bool,
}

impl AnyBits for Wrong {}

impl Layout for Wrong {
    const CHECK: Check = Check::NONE;
}

fn main() {}
