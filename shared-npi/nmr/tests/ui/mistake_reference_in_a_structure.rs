// SPDX-License-Identifier: MIT OR Apache-2.0

//! A peer's structure has a reference, which would be trusted.

nmr::c_struct! {
    pub struct Wrong {
        pub field: &'static u32,
    }
}

fn main() {}
