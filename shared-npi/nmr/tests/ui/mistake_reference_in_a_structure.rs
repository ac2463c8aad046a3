// SPDX-License-Identifier: MIT OR Apache-2.0

//! A structure from a peer has a reference, which is believed.

nmr::c_struct! {
    pub struct Wrong {
        pub field: &'static u32,
    }
}

fn main() {}
