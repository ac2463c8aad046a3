// SPDX-License-Identifier: MIT OR Apache-2.0

//! The type of a dispatch table's entry cannot be null, but a peer's entry may be.

nmr::c_struct! {
    pub struct Wrong {
        pub field: unsafe extern "system" fn(u32),
    }
}

fn main() {}
