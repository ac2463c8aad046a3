// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver models that the drivers of a cycle are written for.

use std::fmt;
use std::str::FromStr;

use crate::instance::Role;

/// The driver model of each of the two drivers: WDM, unless it is said to be that of
/// the framework (WDF).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Models {
    /// The provider is for the framework.
    pub provider: bool,
    /// The client is.
    pub client: bool,
}

impl Models {
    /// All but WDM with WDM.
    pub(crate) const MIXED: [Self; 3] = [
        Self {
            provider: true,
            client: false,
        },
        Self {
            provider: false,
            client: true,
        },
        Self {
            provider: true,
            client: true,
        },
    ];

    /// Returns `true` if this driver is for the framework.
    #[must_use]
    pub const fn is_framework(self, role: Role) -> bool {
        match role {
            Role::Provider => self.provider,
            Role::Client => self.client,
        }
    }

    /// Returns `true` if any of them is.
    #[must_use]
    pub const fn need_framework(self) -> bool {
        self.provider || self.client
    }
}

/// The form in scripts: the roles whose drivers use the framework.
impl fmt::Display for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (is, letter) in [(self.provider, "p"), (self.client, "c")] {
            if is {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

/// At least one driver must use the framework.
impl FromStr for Models {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut mixed = Self::MIXED.into_iter();
        mixed.find(|models| models.to_string() == text).ok_or(())
    }
}
