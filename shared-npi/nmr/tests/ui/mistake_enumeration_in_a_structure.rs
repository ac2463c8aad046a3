// SPDX-License-Identifier: MIT OR Apache-2.0

//! A peer's structure has an enumeration, for which the peer may pass another value.

#[repr(u32)]
pub enum Kind {
    One = 1,
}

nmr::c_struct! {
    pub struct Wrong {
        pub field: Kind,
    }
}

fn main() {}
