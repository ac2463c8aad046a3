// SPDX-License-Identifier: MIT OR Apache-2.0

//! `keyvalue_provider.sys`. The driver is `provider.c`, which `build.rs` compiles; because of this
//! file cargo links it with the kernel's functions.
#![no_std]

extern crate wdk_panic;
extern crate wdk_sys;
