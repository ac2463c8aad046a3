// SPDX-License-Identifier: MIT OR Apache-2.0

//! A check looks for a size where the structure has no field.

use nmr::layout::{Check, Field};

const BEYOND: Check = Check::NONE.size(Field::u32(6));

nmr::c_struct! {
    pub struct Wrong: BEYOND {
        pub size: u32,
        pub version: u32,
    }
}

fn main() {}
