// SPDX-License-Identifier: MIT OR Apache-2.0

//! The KeyValue NPI is described in `npi.toml`, from which `include/keyvalue_npi.h` is made.
//! This package has no code: it is the place of both, and of the test.
#![no_std]
