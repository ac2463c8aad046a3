// SPDX-License-Identifier: MIT OR Apache-2.0

//! The mechanisms by which drivers are loaded and unloaded.

use std::fmt;

/// The mechanism that loads or unloads a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// The service control manager, for `StartService` and `ControlService`.
    ServiceControlManager,
    /// A program, by `NtLoadDriver` and `NtUnloadDriver`.
    NtLoadDriver,
    /// Another driver, by `ZwLoadDriver` and `ZwUnloadDriver`.
    ZwLoadDriver,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 3] = [
        Self::ServiceControlManager,
        Self::NtLoadDriver,
        Self::ZwLoadDriver,
    ];
}

/// As reports name it.
impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServiceControlManager => "service control manager",
            Self::NtLoadDriver => "NtLoadDriver",
            Self::ZwLoadDriver => "ZwLoadDriver",
        })
    }
}
