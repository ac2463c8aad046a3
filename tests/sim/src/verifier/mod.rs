// SPDX-License-Identifier: MIT OR Apache-2.0

//! The checks that run while drivers run, like Driver Verifier: locks and their order,
//! callbacks, calls through dispatch tables and the promises of their NPIs, and injected
//! faults.

pub(crate) mod arguments;
pub(crate) mod binding_calls;
pub(crate) mod callback_locks;
pub(crate) mod dispatch_tables;
pub(crate) mod driver_call;
pub(crate) mod faults;
pub(crate) mod locks;
pub(crate) mod nmr_lock_order;
pub(crate) mod outstanding_requests;
pub(crate) mod promises;
pub(crate) mod races;
pub(crate) mod routine;
pub(crate) mod stack_depth;
pub(crate) mod stack_frames;
pub(crate) mod stack_objects;
pub(crate) mod undue_completion;

use rand::rngs::ChaCha8Rng;

use binding_calls::BindingCalls;
use callback_locks::CallbackLocks;
use dispatch_tables::DispatchTables;
use faults::{FaultInjector, Faults};
use locks::Locks;
use nmr_lock_order::NmrLockOrder;
use outstanding_requests::OutstandingRequests;
use promises::Promises;
use races::Races;
use stack_frames::StackFrames;
use stack_objects::StackObjects;

/// What the verifier's checks remember.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) binding_calls: BindingCalls,
    callback_locks: CallbackLocks,
    /// The answer to how long code may stay at `DISPATCH_LEVEL`, once it was asked for.
    pub(crate) dispatch_limit: Option<u32>,
    pub(crate) dispatch_tables: DispatchTables,
    pub(crate) faults: FaultInjector,
    pub(crate) locks: Locks,
    nmr_lock_order: NmrLockOrder,
    pub(crate) outstanding_requests: OutstandingRequests,
    promises: Promises,
    pub(crate) races: Races,
    stack_frames: StackFrames,
    stack_objects: StackObjects,
}

impl Verifier {
    pub(crate) fn new(faults: Faults, random: ChaCha8Rng, races: Races) -> Self {
        Self {
            binding_calls: BindingCalls::default(),
            callback_locks: CallbackLocks::default(),
            dispatch_limit: None,
            dispatch_tables: DispatchTables::default(),
            faults: FaultInjector::new(faults, random),
            locks: Locks::default(),
            nmr_lock_order: NmrLockOrder::default(),
            outstanding_requests: OutstandingRequests::default(),
            promises: Promises::default(),
            races,
            stack_frames: StackFrames::default(),
            stack_objects: StackObjects::default(),
        }
    }
}
