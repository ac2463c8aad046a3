// SPDX-License-Identifier: MIT OR Apache-2.0

//! The checks that run while drivers run, in the manner of Driver Verifier: locks
//! and their order, callbacks, calls through dispatch tables, injected faults.

pub(crate) mod binding_calls;
pub(crate) mod callback_locks;
pub(crate) mod faults;
pub(crate) mod locks;
pub(crate) mod nmr_lock_order;
pub(crate) mod outstanding_requests;
pub(crate) mod routine;

use rand::rngs::ChaCha8Rng;

use binding_calls::Watch;
use callback_locks::Edges;
use faults::{Faults, Injector};
use locks::Locks;
use nmr_lock_order::NmrOrder;
use outstanding_requests::Loans;

/// What the verifier's checks remember.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) binding_calls: Watch,
    callback_locks: Edges,
    pub(crate) faults: Injector,
    pub(crate) locks: Locks,
    nmr_lock_order: NmrOrder,
    pub(crate) outstanding_requests: Loans,
}

impl Verifier {
    pub(crate) fn new(faults: Faults, random: ChaCha8Rng) -> Self {
        Self {
            binding_calls: Watch::default(),
            callback_locks: Edges::default(),
            faults: Injector::new(faults, random),
            locks: Locks::default(),
            nmr_lock_order: NmrOrder::default(),
            outstanding_requests: Loans::default(),
        }
    }
}
