// SPDX-License-Identifier: MIT OR Apache-2.0

//! A peer's structure has a `bool`, for which the peer may pass 2.

nmr::c_struct! {
    pub struct Wrong {
        pub field: bool,
    }
}

fn main() {}
