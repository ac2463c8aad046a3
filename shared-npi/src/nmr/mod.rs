// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Network Module Registrar.

pub mod abi;
