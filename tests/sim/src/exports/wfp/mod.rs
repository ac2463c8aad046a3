// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Windows Filtering Platform: `fwpkclnt.sys`.
//!
//! The callouts of drivers are called for the traffic of [`traffic`], in the layers in which a
//! filter names them. `FwpsCalloutUnregisterById0` waits for calls of the callout in progress:
//! Microsoft documents that the driver may be unloaded once the function has succeeded.
//!
//! # Limits
//!
//! A condition on a value that the traffic does not have, such as the application, matches at
//! random. The weights of Windows' own sublayers, the weights that the engine chooses, and the
//! order of filters with equal weights are drawn for each cycle.

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
