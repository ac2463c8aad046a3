// SPDX-License-Identifier: MIT OR Apache-2.0

//! The cycles that search for data races, by name.

use std::fmt;
use std::str::FromStr;

/// In which cycles data races are searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RaceSearch {
    /// In none.
    Off,
    /// In some, drawn for each.
    #[default]
    Sampled,
    /// In all.
    All,
}

impl RaceSearch {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Sampled, Self::All];
}

impl fmt::Display for RaceSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Sampled => "sampled",
            Self::All => "all",
        })
    }
}

impl FromStr for RaceSearch {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|search| search.to_string() == name);
        found.ok_or_else(|| {
            format!(
                "`{name}` does not say where races are searched for: choose off, sampled or all"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for search in RaceSearch::ALL {
            assert_eq!(search.to_string().parse(), Ok(search));
        }
        let error = "some".parse::<RaceSearch>().expect_err("it is none");
        assert!(error.contains("`some`"), "{error}");
    }
}
