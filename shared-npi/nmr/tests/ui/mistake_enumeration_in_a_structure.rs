// SPDX-License-Identifier: MIT OR Apache-2.0

//! A structure from a peer has an enumeration, which may have another value.

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
