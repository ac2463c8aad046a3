// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registry: the keys of the drivers' services with their values, the keys and values that
//! drivers add, and the keys below which drivers usually add their own.

use std::collections::{BTreeMap, BTreeSet};

use scenarios::{Instance, RegistryData, RegistryValue, Setting};

use crate::objects::names::fold;

/// Where services are.
pub(crate) const SERVICES: &str = r"\Registry\Machine\System\CurrentControlSet\Services";

/// Other keys that are there from the beginning.
const BUILT_IN: [&str; 10] = [
    r"\Registry",
    r"\Registry\Machine",
    r"\Registry\Machine\Software",
    r"\Registry\Machine\Software\Microsoft",
    r"\Registry\Machine\Software\Microsoft\Windows NT",
    r"\Registry\Machine\Software\Microsoft\Windows NT\CurrentVersion",
    r"\Registry\Machine\System",
    r"\Registry\Machine\System\CurrentControlSet",
    r"\Registry\Machine\System\CurrentControlSet\Control",
    SERVICES,
];

pub(crate) const REG_SZ: u32 = 1;
const REG_BINARY: u32 = 3;
pub(crate) const REG_DWORD: u32 = 4;

/// The path of a driver's service.
pub(crate) fn service(instance: Instance) -> String {
    format!(r"{SERVICES}\{instance}")
}

fn parameters(instance: Instance) -> String {
    format!(r"{}\Parameters", service(instance))
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// As it was spelled first.
    pub(crate) name: String,
    /// `REG_DWORD` or another type.
    pub(crate) kind: u32,
    pub(crate) data: Vec<u8>,
}

impl Value {
    fn new(name: &str, data: &RegistryData) -> Self {
        let (kind, data) = match data {
            RegistryData::Number(number) => (REG_DWORD, number.to_le_bytes().to_vec()),
            RegistryData::Text(text) => {
                let units = text.encode_utf16().chain([0]);
                (REG_SZ, units.flat_map(u16::to_le_bytes).collect())
            }
            RegistryData::Bytes(bytes) => (REG_BINARY, bytes.clone()),
        };
        Self {
            name: name.to_owned(),
            kind,
            data,
        }
    }

    /// Its number, if it is one.
    pub(crate) fn number(&self) -> Option<u32> {
        let bytes = <[u8; 4]>::try_from(self.data.as_slice()).ok()?;
        (self.kind == REG_DWORD).then_some(u32::from_le_bytes(bytes))
    }
}

/// A key.
#[derive(Debug, Default)]
struct Key {
    /// The last part of its path, as it was spelled first.
    name: String,
    is_volatile: bool,
    /// By their name, without regard to case.
    values: BTreeMap<String, Value>,
}

/// The keys by their path, without regard to case.
#[derive(Debug, Default)]
pub(crate) struct Registry(BTreeMap<String, Key>);

/// The key that a path is directly below, and the name there.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('\\').unwrap_or(("", path))
}

impl Registry {
    /// A registry with these drivers' services.
    pub(crate) fn new(instances: BTreeSet<Instance>, settings: &[Setting]) -> Self {
        let mut registry = Self::default();
        for instance in instances {
            registry.key(&service(instance));
            let key = registry.key(&parameters(instance));
            let own = settings.iter().filter(|it| it.role == instance.role);
            for setting in own {
                let value = Value::new(setting.name, &RegistryData::Number(setting.value));
                key.values.insert(fold(setting.name), value);
            }
        }
        registry
    }

    /// The key at a path, which is new if it is not there.
    fn key(&mut self, path: &str) -> &mut Key {
        self.0.entry(fold(path)).or_insert_with(|| Key {
            name: split(path).1.to_owned(),
            ..Key::default()
        })
    }

    /// Returns `true` if there is a key.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains_key(&fold(path)) || is_built_in(path)
    }

    /// Returns `true` if a key goes with the machine's next start.
    pub(crate) fn is_volatile(&self, path: &str) -> bool {
        self.0.get(&fold(path)).is_some_and(|key| key.is_volatile)
    }

    /// Sets a value of a driver, with all keys above it.
    pub(crate) fn set(&mut self, instance: Instance, value: &RegistryValue) {
        let mut path = service(instance);
        for key in value.key.split('\\').filter(|key| !key.is_empty()) {
            path = format!(r"{path}\{key}");
            self.key(&path);
        }
        self.set_value(&path, Value::new(&value.name, &value.data));
    }

    /// The value that a key has under `name`.
    pub(crate) fn value(&self, path: &str, name: &str) -> Option<&Value> {
        self.0.get(&fold(path))?.values.get(&fold(name))
    }

    /// The number under `name` in the `Parameters` key of a driver's service.
    pub(crate) fn parameter(&self, instance: Instance, name: &str) -> Option<u32> {
        self.value(&parameters(instance), name)?.number()
    }

    /// The values of a key, in the order of their names.
    pub(crate) fn values(&self, path: &str) -> impl Iterator<Item = &Value> {
        let key = self.0.get(&fold(path)).into_iter();
        key.flat_map(|key| key.values.values())
    }

    /// The names of the keys directly below a key, in their order.
    pub(crate) fn subkeys(&self, path: &str) -> Vec<&str> {
        let parent = fold(path);
        let is_below = |full: &str| fold(split(full).0) == parent;
        let own = self.0.iter().filter(|(full, _)| is_below(full));
        let own = own.map(|(_, key)| key.name.as_str());
        let built_in = BUILT_IN.iter().filter(|full| is_below(full));
        let mut names: Vec<_> = own.chain(built_in.map(|full| split(full).1)).collect();
        names.sort_by_key(|name| fold(name));
        names.dedup_by_key(|name| fold(name));
        names
    }

    /// Adds a key. Returns `false` if the one above it is not there.
    pub(crate) fn create(&mut self, path: &str, is_volatile: bool) -> bool {
        let is_possible = self.has(split(path).0);
        if is_possible {
            self.key(path).is_volatile = is_volatile;
        }
        is_possible
    }

    /// Takes a key away.
    pub(crate) fn delete(&mut self, path: &str) {
        self.0.remove(&fold(path));
    }

    /// Sets a value of a key.
    pub(crate) fn set_value(&mut self, path: &str, mut value: Value) {
        let values = &mut self.key(path).values;
        let name = fold(&value.name);
        if let Some(old) = values.get(&name) {
            value.name.clone_from(&old.name);
        }
        values.insert(name, value);
    }

    /// Takes a value away. Returns `false` if there is none.
    pub(crate) fn delete_value(&mut self, path: &str, name: &str) -> bool {
        let key = self.0.get_mut(&fold(path));
        key.is_some_and(|key| key.values.remove(&fold(name)).is_some())
    }
}

/// Returns `true` if a key can neither go nor come.
pub(crate) fn is_built_in(path: &str) -> bool {
    BUILT_IN.iter().any(|it| it.eq_ignore_ascii_case(path))
}
