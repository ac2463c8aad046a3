// SPDX-License-Identifier: MIT OR Apache-2.0

//! A structure from a peer has a `bool`, which may be 2.

nmr::c_struct! {
    pub struct Wrong {
        pub field: bool,
    }
}

fn main() {}
