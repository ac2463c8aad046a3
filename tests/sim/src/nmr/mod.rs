// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Network Module Registrar in this kernel: the registrar's host, and what is
//! counted of registrations and state transitions.

pub(crate) mod host;
pub(crate) mod registrations;
pub(crate) mod transitions;
