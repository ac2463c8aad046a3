// SPDX-License-Identifier: MIT OR Apache-2.0

//! The accelerator of a machine: KVM, or QEMU's TCG, which is ten times slower.

use serde::Deserialize;

/// The accelerator of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// KVM.
    Kvm,
    /// QEMU's own translator.
    Tcg,
}

/// The user's choice of an accelerator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AcceleratorChoice {
    /// The fastest that works.
    #[default]
    Auto,
    /// KVM, without a trial.
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
