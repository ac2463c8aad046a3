// SPDX-License-Identifier: MIT OR Apache-2.0

//! A structure is declared by hand, and nobody asserts its layout.

use nmr::layout::{AnyBits, Check, Layout};

struct Wrong {
    _urgent: bool,
}

impl AnyBits for Wrong {}

impl Layout for Wrong {
    const CHECK: Check = Check::NONE;
}

fn main() {}
