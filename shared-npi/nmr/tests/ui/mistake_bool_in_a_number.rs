// SPDX-License-Identifier: MIT OR Apache-2.0

//! A number type has a `bool` inside, for which a peer may pass 2.

nmr::c_struct! {
    pub struct Wrong(pub bool);
}

fn main() {}
