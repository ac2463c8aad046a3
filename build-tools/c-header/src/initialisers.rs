// SPDX-License-Identifier: MIT OR Apache-2.0

//! What gives a structure its size and version: a macro for what a module registers and
//! hands over, a function for what a call lends.

use std::fmt::Write;

use npi_description::{Field, Meaning, Npi, Number, Side, Structure, Type};

use crate::constants::{self, literal};
use crate::names::{Names, camel};

/// Macros for the characteristics and dispatch tables; their arguments are the fields
/// without size and versions.
pub(crate) fn macros(npi: &Npi, names: &Names) -> String {
    let mut all: Vec<&Structure> = Vec::new();
    for side in [Side::Provider, Side::Client] {
        for one in [npi.characteristics(side), npi.table(side)] {
            all.extend(one.filter(|it| !all.contains(it)));
        }
    }
    let texts = all.into_iter().map(|it| macro_of(it, npi, names));
    texts.collect::<Vec<_>>().join("\n")
}

fn macro_of(structure: &Structure, npi: &Npi, names: &Names) -> String {
    let name = names.structure(&structure.name);
    let mut arguments = Vec::new();
    let mut values = Vec::new();
    for field in &structure.fields {
        match Value::of(field, npi) {
            Value::Free => {
                let argument = camel(&field.name);
                values.push(format!("({argument})"));
                arguments.push(argument);
            }
            value => values.push(value.text(npi, names, &name)),
        }
    }
    let arguments = if arguments.is_empty() {
        String::new()
    } else {
        format!("({})", arguments.join(", "))
    };
    format!(
        "#define {name}_INIT{arguments} \\\n    {{{}}}\n",
        values.join(", ")
    )
}

/// The initialiser of a field.
enum Value<'a> {
    Size,
    Version(i64),
    Structure(&'a Structure),
    /// A row of numbers, each 0.
    Row(&'a Type),
    Guid,
    /// The module's to say.
    Free,
}

impl<'a> Value<'a> {
    fn of(field: &'a Field, npi: &'a Npi) -> Self {
        match field.meaning {
            Some(Meaning::Size) => return Self::Size,
            Some(Meaning::Version | Meaning::LowestVersion) => {
                return Self::Version(*field.value.0.start());
            }
            Some(Meaning::HighestVersion) => return Self::Version(*field.value.0.end()),
            Some(Meaning::Offered | Meaning::Required) | None => {}
        }
        match &field.kind {
            Type::Structure(name) => npi.structure(name).map_or(Self::Free, Self::Structure),
            Type::Array(element, _) => Self::Row(element),
            Type::Guid => Self::Guid,
            _ => Self::Free,
        }
    }

    /// In C, inside the structure with this name.
    fn text(&self, npi: &Npi, names: &Names, outermost: &str) -> String {
        match self {
            Self::Size => format!("sizeof({outermost})"),
            Self::Version(number) => version(*number, npi, names),
            Self::Structure(inner) => {
                let fields = inner.fields.iter();
                let fields = fields.map(|it| Value::of(it, npi).text(npi, names, outermost));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
            Self::Row(element) => format!("{{{}}}", zero(element, npi)),
            Self::Guid => zero(&Type::Guid, npi),
            Self::Free => "0".to_owned(),
        }
    }
}

/// An initialiser of zeros.
fn zero(kind: &Type, npi: &Npi) -> String {
    match kind {
        Type::Guid => "{0, 0, 0, {0}}".to_owned(),
        Type::Array(element, _) => format!("{{{}}}", zero(element, npi)),
        Type::Structure(name) => {
            let fields = npi.structure(name).map_or(&[][..], |it| &it.fields);
            let fields = fields.iter().map(|it| zero(&it.kind, npi));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        _ => "0".to_owned(),
    }
}

/// A version, by its name if it is that of the NPI.
fn version(number: i64, npi: &Npi, names: &Names) -> String {
    let number = literal(number);
    match constants::version(npi) {
        Some(version) if version == number => names.constant("VERSION"),
        _ => number,
    }
}

/// Functions for the structures that calls lend.
pub(crate) fn functions(npi: &Npi, names: &Names) -> String {
    let mut lent: Vec<&Structure> = Vec::new();
    for parameter in npi.functions.iter().flat_map(|it| &it.parameters) {
        if let Type::Lent { structure, .. } = &parameter.kind {
            let found = npi.structure(structure);
            lent.extend(found.filter(|it| !lent.contains(it)));
        }
    }
    let texts = lent.into_iter().filter_map(|it| function(it, npi, names));
    texts.collect::<Vec<_>>().join("\n")
}

/// The function for a structure that has its size or version in it.
fn function(structure: &Structure, npi: &Npi, names: &Names) -> Option<String> {
    let name = camel(&structure.name);
    let mut values = String::new();
    for (path, field) in paths(structure, npi, &name) {
        let value = match field.meaning {
            Some(Meaning::Size) => format!("sizeof(*{name})"),
            Some(Meaning::Version) => version(first(&field.value), npi, names),
            _ => continue,
        };
        let _ = writeln!(values, "    {path} = {value};");
    }
    if values.is_empty() {
        return None;
    }
    Some(format!(
        "// All zero but size and version.\nFORCEINLINE\nVOID\n{}(\n    _Out_ {} *{name}\n    )\n{{\n    \
         RtlZeroMemory({name}, sizeof(*{name}));\n{values}}}\n",
        names.initialiser(structure),
        names.structure(&structure.name),
    ))
}

const fn first(number: &Number) -> i64 {
    *number.0.start()
}

/// The numbers of a structure and of the structures inside it, as they are reached.
fn paths<'a>(structure: &'a Structure, npi: &'a Npi, name: &str) -> Vec<(String, &'a Field)> {
    fn add<'a>(it: &'a Structure, npi: &'a Npi, before: &str, all: &mut Vec<(String, &'a Field)>) {
        for field in &it.fields {
            let path = format!("{before}{}", camel(&field.name));
            match &field.kind {
                Type::Structure(inner) => {
                    if let Some(inner) = npi.structure(inner) {
                        add(inner, npi, &format!("{path}."), all);
                    }
                }
                _ => all.push((path, field)),
            }
        }
    }
    let mut all = Vec::new();
    add(structure, npi, &format!("{name}->"), &mut all);
    all
}
