// SPDX-License-Identifier: MIT OR Apache-2.0

//! A check reads a size outside the fields of the structure.

use nmr::layout::{Check, Field};

const BEYOND: Check = Check::NONE.size(Field::u32(6));

nmr::c_struct! {
    pub struct Wrong: BEYOND {
        pub size: u32,
        pub version: u32,
    }
}

fn main() {}
