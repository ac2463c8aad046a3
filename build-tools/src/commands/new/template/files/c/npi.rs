// SPDX-License-Identifier: MIT OR Apache-2.0

//! The KeyValue NPI is described in `npi.toml`, from which `include/keyvalue_npi.h` is generated.
//! This package has no code: it contains both files and the test.
#![no_std]
