// SPDX-License-Identifier: MIT OR Apache-2.0

//! The alternative drivers of a cycle, which do the same as the WDM drivers in Rust.

use std::fmt;

use crate::instance::Role;

/// How drivers are made that can stand in for the WDM drivers in Rust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alternative {
    /// For the driver framework.
    #[default]
    Wdf,
    /// In C.
    C,
}

impl Alternative {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Wdf, Self::C];

    /// The form in scripts, before the roles.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Wdf => "Wdf",
            Self::C => "C",
        }
    }
}

/// Which drivers of a cycle are alternatives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Models {
    /// How they are made.
    pub alternative: Alternative,
    /// The provider is one.
    pub provider: bool,
    /// The client is one.
    pub client: bool,
}

impl Models {
    /// At least one driver is an alternative.
    pub(crate) const fn mixed(alternative: Alternative) -> [Self; 3] {
        let both = Self {
            alternative,
            provider: true,
            client: true,
        };
        let provider = Self {
            client: false,
            ..both
        };
        let client = Self {
            provider: false,
            ..both
        };
        [provider, client, both]
    }

    /// The alternative that this driver is, if it is one.
    #[must_use]
    pub fn of(self, role: Role) -> Option<Alternative> {
        let is_alternative = match role {
            Role::Provider => self.provider,
            Role::Client => self.client,
        };
        is_alternative.then_some(self.alternative)
    }

    /// The alternative that any driver is.
    #[must_use]
    pub fn needed(self) -> Option<Alternative> {
        (self.provider || self.client).then_some(self.alternative)
    }

    /// Reads the form in scripts; at least one driver must be an alternative.
    pub(crate) fn parse(sign: &str, roles: &str) -> Option<Self> {
        let mut signs = Alternative::ALL.into_iter();
        let alternative = signs.find(|it| it.sign() == sign)?;
        let mut mixed = Self::mixed(alternative).into_iter();
        mixed.find(|models| models.roles() == roles)
    }

    fn roles(self) -> String {
        let letters = [(self.provider, "p"), (self.client, "c")];
        let letters = letters.into_iter().filter(|(is, _)| *is);
        letters.map(|(_, letter)| letter).collect()
    }
}

/// The form in scripts: the alternative, and the roles of the drivers that are one.
impl fmt::Display for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.alternative.sign(), self.roles())
    }
}
