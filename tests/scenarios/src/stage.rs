// SPDX-License-Identifier: MIT OR Apache-2.0

//! The states of a module, and the transitions between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Its image is not there.
    Absent,
    /// Its `DriverEntry` runs.
    Loading,
    /// Registered, with no peer.
    Idle,
    /// Bound to its peer.
    Attached,
    /// From its detach callback to its cleanup callback.
    Detaching,
    /// Its `DriverUnload` runs.
    Unloading,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Absent,
        Self::Loading,
        Self::Idle,
        Self::Attached,
        Self::Detaching,
        Self::Unloading,
    ];

    /// The transitions of a module if nothing fails.
    pub const EDGES: [(Self, Self); 10] = [
        (Self::Absent, Self::Loading),
        (Self::Loading, Self::Idle),
        (Self::Loading, Self::Attached),
        (Self::Idle, Self::Attached),
        (Self::Attached, Self::Detaching),
        (Self::Detaching, Self::Idle),
        (Self::Detaching, Self::Unloading),
        (Self::Idle, Self::Unloading),
        (Self::Attached, Self::Unloading),
        (Self::Unloading, Self::Absent),
    ];
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "absent",
            Self::Loading => "loading",
            Self::Idle => "idle",
            Self::Attached => "attached",
            Self::Detaching => "detaching",
            Self::Unloading => "unloading",
        })
    }
}
