// SPDX-License-Identifier: MIT OR Apache-2.0

//! The part of the registry that a driver may ask for: its service's key and the keys
//! below it, with numbers and text.

use std::collections::{BTreeMap, BTreeSet};

use scenarios::{Instance, RegistryData, RegistryValue, Setting};

use crate::objects::names::fold;

/// Where services are.
pub(crate) const SERVICES: &str = r"\Registry\Machine\System\CurrentControlSet\Services";

/// The path of a driver's service.
pub(crate) fn service(instance: Instance) -> String {
    format!(r"{SERVICES}\{instance}")
}

fn parameters(instance: Instance) -> String {
    format!(r"{}\Parameters", service(instance))
}

/// Keys by their path, values by their name, both without regard to case.
#[derive(Debug, Default)]
pub(crate) struct Registry(BTreeMap<String, BTreeMap<String, RegistryData>>);

impl Registry {
    /// A registry with these drivers' services.
    pub(crate) fn new(instances: BTreeSet<Instance>, settings: &[Setting]) -> Self {
        let mut registry = Self::default();
        for instance in instances {
            registry.0.insert(fold(&service(instance)), BTreeMap::new());
            let values = settings
                .iter()
                .filter(|setting| setting.role == instance.role)
                .map(|setting| (fold(setting.name), RegistryData::Number(setting.value)));
            registry
                .0
                .insert(fold(&parameters(instance)), values.collect());
        }
        registry
    }

    /// Returns `true` if there is a key.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains_key(&fold(path))
    }

    /// Sets a value of a driver, with all keys above it.
    pub(crate) fn set(&mut self, instance: Instance, value: &RegistryValue) {
        let mut path = service(instance);
        for key in value.key.split('\\').filter(|key| !key.is_empty()) {
            path = format!(r"{path}\{key}");
            self.0.entry(fold(&path)).or_default();
        }
        let key = self.0.entry(fold(&path)).or_default();
        key.insert(fold(&value.name), value.data.clone());
    }

    /// The data that a key has under `name`.
    pub(crate) fn data(&self, path: &str, name: &str) -> Option<&RegistryData> {
        self.0.get(&fold(path))?.get(&fold(name))
    }
}
