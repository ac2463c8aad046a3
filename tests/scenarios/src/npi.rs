// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptions of NPIs for checkers of calls: the names of the entries of their
//! dispatch tables, and which entries pend.
//!
//! A dispatch table starts with 8 bytes, the first two of which are the size of
//! the table; function pointers fill the rest. Calls through the tables of an NPI
//! that is not in [`NPIS`] are counted, too, but each counts as complete once it has
//! returned.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The identifier of an NPI: the hexadecimal digits of its GUID. Its text form is the
/// GUID in braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct NpiId(pub u128);

impl fmt::Display for NpiId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
        write!(f, "{{{}}}", groups.join("-"))
    }
}

impl From<NpiId> for String {
    fn from(id: NpiId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for NpiId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let id = u128::from_str_radix(&digits, 16).ok().map(Self);
        id.filter(|id| id.to_string() == text)
            .ok_or_else(|| format!("{text} is not a GUID in braces"))
    }
}

/// The two dispatch tables of an NPI.
#[derive(Debug)]
pub struct Npi {
    /// Its name.
    pub name: &'static str,
    /// The hexadecimal digits of its identifier.
    pub id: u128,
    /// What the client calls.
    pub provider: &'static [Entry],
    /// What the provider calls.
    pub client: &'static [Entry],
}

/// One function of a dispatch table.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// A call that answers `STATUS_PENDING` stays in flight until the peer
    /// calls a function that [completes](Self::completes).
    pub pends: bool,
    /// Each call ends one call in the other direction that had pended.
    pub completes: bool,
}

impl Npi {
    /// The one with this identifier, if it is in [`NPIS`].
    #[must_use]
    pub fn find(id: u128) -> Option<&'static Self> {
        NPIS.iter().copied().find(|npi| npi.id == id)
    }
}

impl Entry {
    const fn plain(name: &'static str) -> Self {
        Self {
            name,
            pends: false,
            completes: false,
        }
    }
}

/// The NPIs whose calls can be judged.
pub const NPIS: &[&Npi] = &[&ECHO, &TELEMETRY];

/// The NPI in which `provider.sys` is the provider.
pub static ECHO: Npi = Npi {
    name: "Echo",
    id: 0x1e32_787f_806c_4f83_98e4_7dbe_c512_9701,
    provider: &[
        Entry {
            pends: true,
            ..Entry::plain("submit")
        },
        Entry::plain("cancel"),
        Entry::plain("query_statistics"),
    ],
    client: &[
        Entry {
            completes: true,
            ..Entry::plain("complete")
        },
        Entry::plain("notify"),
    ],
};

/// The NPI in which `client.sys` is the provider.
static TELEMETRY: Npi = Npi {
    name: "telemetry",
    id: 0x8002_8957_3748_4ec7_9fd8_fb58_ae01_8faf,
    provider: &[Entry::plain("subscribe"), Entry::plain("sample")],
    client: &[Entry::plain("publish")],
};
