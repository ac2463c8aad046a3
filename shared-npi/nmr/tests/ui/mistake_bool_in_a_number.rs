// SPDX-License-Identifier: MIT OR Apache-2.0

//! A number with a name is a `bool`, which may be 2.

nmr::c_struct! {
    pub struct Wrong(pub bool);
}

fn main() {}
