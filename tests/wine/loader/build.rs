// SPDX-License-Identifier: MIT OR Apache-2.0

//! Links the driver.

fn main() {
    for option in driver_prerequisites::LINK_OPTIONS {
        println!("cargo::rustc-cdylib-link-arg={option}");
    }
}
