// SPDX-License-Identifier: MIT OR Apache-2.0

//! The identifier of an NPI.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The identifier of an NPI: the hexadecimal digits of its GUID. Its text form is the
/// GUID in braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct NpiId(pub u128);

impl NpiId {
    /// The one that `text` is, in braces or without.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bare = text
            .strip_prefix('{')
            .map_or(Some(text), |rest| rest.strip_suffix('}'))?;
        let lengths = bare.split('-').map(str::len);
        if !lengths.eq([8, 4, 4, 4, 12]) || !bare.is_ascii() || bare.contains('+') {
            return None;
        }
        u128::from_str_radix(&bare.replace('-', ""), 16)
            .ok()
            .map(Self)
    }
}

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
        Self::parse(&text)
            .filter(|id| id.to_string() == text)
            .ok_or_else(|| format!("{text} is not a GUID in braces"))
    }
}
