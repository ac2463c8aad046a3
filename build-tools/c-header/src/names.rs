// SPDX-License-Identifier: MIT OR Apache-2.0

//! The names in a header, in the style of Windows: `ECHO_REQUEST`, `ProviderArea`.

use std::collections::BTreeMap;

use heck::{ToShoutySnakeCase, ToUpperCamelCase};
use npi_description::{Function, Npi, Structure};

/// Two things have one name in C.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {first} and the {second} are both {name} in C: rename one")]
pub struct SameName {
    first: String,
    second: String,
    name: String,
}

/// The names that each header has.
const OWN: [&str; 4] = [
    "NPI_ID",
    "PROVIDER_MODULE_ID",
    "CLIENT_MODULE_ID",
    "VERSION",
];

/// The names that an NPI's description leads to.
pub(crate) struct Names {
    prefix: String,
    npi: String,
}

impl Names {
    /// The names of an NPI; refuses a description in which two things have one name in C.
    pub(crate) fn of(npi: &Npi) -> Result<Self, SameName> {
        let names = Self {
            prefix: shouty(&npi.name),
            npi: camel(&npi.name),
        };
        let structures = npi.structures.iter();
        let structures =
            structures.map(|it| (names.structure(&it.name), it.name.as_str(), "structure"));
        let functions = npi.functions.iter();
        let functions =
            functions.map(|it| (names.function(&it.name), it.name.as_str(), "function"));
        let own = OWN.map(|name| (names.constant(name), name, "constant"));
        let own = own.into_iter();
        unique(own.chain(structures.chain(functions)))?;
        for structure in &npi.structures {
            let fields = structure.fields.iter();
            unique(fields.map(|it| (camel(&it.name), it.name.as_str(), "field")))?;
        }
        for function in &npi.functions {
            let parameters = function.parameters.iter().filter(|it| !it.is_binding);
            unique(parameters.map(|it| (camel(&it.name), it.name.as_str(), "parameter")))?;
        }
        Ok(names)
    }

    /// What all names at the top begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A macro or a constant.
    pub(crate) fn constant(&self, name: &str) -> String {
        format!("{}_{name}", self.prefix)
    }

    /// The type of a structure; a structure that is named after the NPI already keeps its
    /// name.
    pub(crate) fn structure(&self, name: &str) -> String {
        let own = shouty(name);
        let rest = own.strip_prefix(&self.prefix);
        match rest.and_then(|rest| rest.strip_prefix('_')) {
            Some(_) => own,
            None => self.constant(&own),
        }
    }

    /// The type of a function, as netioddk.h names those of NMR.
    pub(crate) fn function(&self, name: &str) -> String {
        self.constant(&format!("{}_FN", shouty(name)))
    }

    /// The capability bits that a function needs.
    pub(crate) fn offers(&self, function: &Function) -> String {
        self.constant(&format!("OFFERS_{}", shouty(&function.name)))
    }

    /// The function that initialises a structure.
    pub(crate) fn initialiser(&self, structure: &Structure) -> String {
        let own = camel(&structure.name);
        let own = own.strip_prefix(&self.npi).unwrap_or(&own);
        format!("{}Initialize{own}", self.npi)
    }
}

/// The name of a field or parameter.
pub(crate) fn camel(name: &str) -> String {
    or_itself(name, name.to_upper_camel_case())
}

/// The name of a type, macro or constant.
pub(crate) fn shouty(name: &str) -> String {
    or_itself(name, name.to_shouty_snake_case())
}

/// `made`, if that is a name.
fn or_itself(name: &str, made: String) -> String {
    if made.starts_with(|first: char| first.is_ascii_alphabetic()) {
        made
    } else {
        name.to_owned()
    }
}

/// Each with its name in C, its name in the description, and what it is.
fn unique<'a>(all: impl Iterator<Item = (String, &'a str, &'static str)>) -> Result<(), SameName> {
    let mut seen = BTreeMap::new();
    for (name, source, what) in all {
        let second = format!("{what} `{source}`");
        if let Some(first) = seen.insert(name.clone(), second.clone()) {
            return Err(SameName {
                first,
                second,
                name,
            });
        }
    }
    Ok(())
}
