// SPDX-License-Identifier: MIT OR Apache-2.0

//! A check reads a size in padding, which is not initialised.

use nmr::layout::Check;

nmr::c_struct! {
    pub struct Wrong: Check::SIZE_FIRST {
        pub kind: u8,
        pub value: u64,
    }
}

fn main() {}
