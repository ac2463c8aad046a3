// SPDX-License-Identifier: MIT OR Apache-2.0

//! The part of the registry that a driver may ask for: its service's key and
//! the key `Parameters` below it, with numbers.

use std::collections::BTreeMap;

use scenarios::{Role, Setting};

use crate::exports::strings::fold;

/// Where services are.
pub(crate) const SERVICES: &str = r"\Registry\Machine\System\CurrentControlSet\Services";

/// The path of a driver's service.
pub(crate) fn service(role: Role) -> String {
    format!(r"{SERVICES}\{}", role.service())
}

fn parameters(role: Role) -> String {
    format!(r"{}\Parameters", service(role))
}

/// Keys by their path, values by their name, both without regard to case.
#[derive(Debug, Default)]
pub(crate) struct Registry(BTreeMap<String, BTreeMap<String, u32>>);

impl Registry {
    /// A registry with both drivers' services.
    pub(crate) fn new(settings: &[Setting]) -> Self {
        let mut registry = Self::default();
        for role in Role::ALL {
            registry.0.insert(fold(&service(role)), BTreeMap::new());
            let values = settings
                .iter()
                .filter(|setting| setting.role == role)
                .map(|setting| (fold(setting.name), setting.value));
            registry.0.insert(fold(&parameters(role)), values.collect());
        }
        registry
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
