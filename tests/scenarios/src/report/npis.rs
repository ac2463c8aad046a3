// SPDX-License-Identifier: MIT OR Apache-2.0

//! The observations of a run about each NPI, and the rules that could not be checked for it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use npi_description::{Npi, NpiId};

/// What is checked only for an NPI that is described.
const NEEDS_DESCRIPTION: [&str; 2] = [
    "R19 for calls that pend",
    "requests freed while their call pends",
];

/// What needs calls that can be seen.
const NEEDS_CALLS: &str = "R15, R18 and R19 where no dispatch table has functions";

/// What was seen of one NPI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NpiReport {
    /// Its name, if it is described.
    pub name: Option<String>,
    /// Registrations of its providers and clients.
    pub registrations: u64,
    /// Bindings that both sides accepted.
    pub attaches: u64,
    /// Those of them without a function in either dispatch table.
    pub attaches_without_functions: u64,
    /// Calls of clients into providers.
    pub calls_of_clients: u64,
    /// Calls of providers into clients.
    pub calls_of_providers: u64,
    /// The checks that were not made, for want of a description or of calls.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub not_checked: BTreeSet<String>,
}

/// The NPIs of a run.
pub type Npis = BTreeMap<NpiId, NpiReport>;

impl NpiReport {
    /// The report of an NPI of which nothing has been seen yet, described so.
    #[must_use]
    pub fn of(described: Option<&Npi>) -> Self {
        let missing = match described {
            Some(_) => &[][..],
            None => &NEEDS_DESCRIPTION,
        };
        Self {
            name: described.map(|npi| npi.name.clone()),
            not_checked: missing.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    /// Adds a binding that both sides accepted.
    pub fn add_attach(&mut self, has_functions: bool) {
        self.attaches += 1;
        if !has_functions {
            self.attaches_without_functions += 1;
            self.not_checked.insert(NEEDS_CALLS.to_owned());
        }
    }

    /// Adds what another part of the run has seen.
    pub fn add(&mut self, other: &Self) {
        self.name.clone_from(&other.name);
        self.registrations += other.registrations;
        self.attaches += other.attaches;
        self.attaches_without_functions += other.attaches_without_functions;
        self.calls_of_clients += other.calls_of_clients;
        self.calls_of_providers += other.calls_of_providers;
        self.not_checked.extend(other.not_checked.iter().cloned());
    }

    /// What a reader of the summary must know of the NPI: that it is not described, or
    /// that no call was seen. `None` if there is nothing to say.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        let calls = self.calls_of_clients + self.calls_of_providers;
        let mut remarks = Vec::new();
        if self.name.is_none() {
            let checks = NEEDS_DESCRIPTION.join("; ");
            remarks.push(format!("not described, so not checked: {checks}"));
            if calls > 0 {
                let noun = if calls == 1 { "call was" } else { "calls were" };
                remarks.push(format!("{calls} {noun} seen"));
            }
        }
        if self.attaches > 0 && self.attaches_without_functions == self.attaches {
            remarks.push("no dispatch table has functions: calls cannot be seen".to_owned());
        } else if self.attaches > 0 && calls == 0 {
            remarks.push("no call through a dispatch table was seen".to_owned());
        }
        (!remarks.is_empty()).then(|| remarks.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn echo_npi() -> Npi {
        let text = include_str!("../../../../shared-npi/src/echo/npi.toml");
        npi_description::parse(Path::new("npi.toml"), text).unwrap()
    }

    #[test]
    fn a_described_npi_with_calls_has_no_remark() {
        let mut echo = NpiReport::of(Some(&echo_npi()));
        assert_eq!(echo.remark(), None);
        echo.add_attach(true);
        let silent = echo.remark();
        assert_eq!(
            silent.as_deref(),
            Some("no call through a dispatch table was seen")
        );
        echo.calls_of_clients = 1;
        assert_eq!(echo.remark(), None);
        assert!(echo.not_checked.is_empty());
    }

    #[test]
    fn an_npi_that_is_not_described_says_what_was_not_checked() {
        let mut stranger = NpiReport::of(None);
        assert!(stranger.remark().unwrap().starts_with("not described"));
        stranger.add_attach(false);
        let remark = stranger.remark().unwrap();
        assert!(remark.ends_with("calls cannot be seen"), "{remark}");
        assert_eq!(stranger.not_checked.len(), 3);
    }

    #[test]
    fn parts_add_up() {
        let mut whole = NpiReport::default();
        for has_functions in [true, false] {
            let mut part = NpiReport::of(Some(&echo_npi()));
            part.add_attach(has_functions);
            part.calls_of_providers = 2;
            whole.add(&part);
        }
        assert_eq!(whole.name.as_deref(), Some("echo"));
        assert_eq!((whole.attaches, whole.calls_of_providers), (2, 4));
        assert_eq!(whole.attaches_without_functions, 1);
    }
}
