// SPDX-License-Identifier: MIT OR Apache-2.0

//! The checks that run while drivers run, in the manner of Driver Verifier: locks
//! and their order, callbacks, calls through dispatch tables, injected faults.

pub(crate) mod binding_calls;
pub(crate) mod callback_locks;
pub(crate) mod faults;
pub(crate) mod locks;
pub(crate) mod nmr_lock_order;
pub(crate) mod outstanding_requests;
