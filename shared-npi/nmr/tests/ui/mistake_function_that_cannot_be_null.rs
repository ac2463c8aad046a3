// SPDX-License-Identifier: MIT OR Apache-2.0

//! A function in a table is never null, says its type; a peer's may be.

nmr::c_struct! {
    pub struct Wrong {
        pub field: unsafe extern "system" fn(u32),
    }
}

fn main() {}
