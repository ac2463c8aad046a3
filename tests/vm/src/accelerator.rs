// SPDX-License-Identifier: MIT OR Apache-2.0

//! What runs a machine's code: the host's processor through KVM, or QEMU, which is
//! ten times slower.

use serde::Deserialize;

/// What runs a machine's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// The host's processor.
    Kvm,
    /// QEMU.
    Tcg,
}

/// What the user wants of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// The faster one of those that work.
    #[default]
    Auto,
    /// The host's processor, whatever a trial would say.
    Kvm,
    /// QEMU.
    Tcg,
}

impl Accelerator {
    /// QEMU's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}
