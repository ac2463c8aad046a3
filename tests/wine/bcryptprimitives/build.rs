// SPDX-License-Identifier: MIT OR Apache-2.0

//! Links an ordinary library that has nothing to do when it is loaded.

fn main() {
    for option in ["/NOENTRY", "/NODEFAULTLIB", "/MANIFEST:NO", "/Brepro"] {
        println!("cargo::rustc-cdylib-link-arg={option}");
    }
}
