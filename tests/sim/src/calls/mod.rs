// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls between modules: each passes a thunk, where it is checked and counted.

pub(crate) mod thunk;
