// SPDX-License-Identifier: MIT OR Apache-2.0

//! The contract that `provider.sys` and `client.sys` share, and the Network
//! Module Registrar (NMR) as a network module sees it.

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

pub mod nmr;
