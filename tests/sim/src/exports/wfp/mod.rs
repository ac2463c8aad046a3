// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Windows Filtering Platform: `fwpkclnt.sys`.
//!
//! Callouts that drivers register are called for the traffic of [`traffic`], in the layers for
//! which a filter names them. `FwpsCalloutUnregisterById0` waits until no call of the callout
//! is under way: Microsoft documents that a driver may be unloaded once it has succeeded.
//!
//! # Limits
//!
//! A condition on a field that the traffic has no value for, such as the application, is true or not
//! by chance. The weights of Windows' own sublayers, those that the engine chooses, and the order of
//! filters that weigh the same are drawn for each cycle.

mod callouts;
mod classify;
mod engine;
mod flows;
mod layer_keys;
mod layers;
mod layouts;
pub(super) mod owned;
mod owner;
pub(super) mod packets;
mod pending;
mod redirection;
mod state;
mod traffic;

pub(crate) use engine::{driver_loaded, note_objects};
pub(super) use packets::injected_with;
pub(crate) use traffic::driver_unloads;

use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[&[Export]]] = &[
    engine::TABLES,
    packets::TABLES,
    &[
        callouts::EXPORTS,
        flows::EXPORTS,
        pending::EXPORTS,
        redirection::EXPORTS,
        state::EXPORTS,
    ],
];
