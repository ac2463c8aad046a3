// SPDX-License-Identifier: MIT OR Apache-2.0

//! A function in a table can be called without `unsafe`, even after the peer has unloaded.

nmr::c_struct! {
    pub struct Wrong {
        pub field: Option<extern "system" fn(u32)>,
    }
}

fn main() {}
