// SPDX-License-Identifier: MIT OR Apache-2.0

//! The part of the registry that a driver may ask for: its service's key and
//! the key `Parameters` below it, with numbers.

use std::collections::BTreeMap;

use crate::exports::strings::fold;

/// Where services are.
pub(crate) const SERVICES: &str = r"\Registry\Machine\System\CurrentControlSet\Services";

/// Keys by their path, values by their name, both without regard to case.
#[derive(Debug, Default)]
pub(crate) struct Registry(BTreeMap<String, BTreeMap<String, u32>>);

impl Registry {
    /// Makes a service's key and its `Parameters`.
    pub(crate) fn add_service(&mut self, path: &str) {
        self.0.entry(fold(path)).or_default();
        self.0
            .entry(fold(&format!(r"{path}\Parameters")))
            .or_default();
    }

    /// Whether there is a key.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains_key(&fold(path))
    }

    /// The number that a key has under `name`.
    pub(crate) fn value(&self, path: &str, name: &str) -> Option<u32> {
        self.0.get(&fold(path))?.get(&fold(name)).copied()
    }
}
