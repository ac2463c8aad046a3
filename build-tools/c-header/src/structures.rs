// SPDX-License-Identifier: MIT OR Apache-2.0

//! The structures, the dispatch tables among them.

use std::fmt::Write;

use npi_description::{Field, Npi, Structure, Type};

use crate::declaration;
use crate::names::{Names, camel};

/// The names of all structures: functions lend them, and tables name functions.
pub(crate) fn forward(npi: &Npi, names: &Names) -> String {
    let mut text = String::new();
    for structure in &npi.structures {
        let name = names.structure(&structure.name);
        let _ = writeln!(text, "typedef struct _{name} {name}, *P{name};");
    }
    text
}

pub(crate) fn text(npi: &Npi, names: &Names) -> String {
    let structures = npi.structures.iter();
    let structures = structures.map(|it| structure(it, npi, names));
    structures.collect::<Vec<_>>().join("\n")
}

fn structure(structure: &Structure, npi: &Npi, names: &Names) -> String {
    let is_table = declaration::is_table(npi, &structure.name);
    let mut text = format!("struct _{} {{\n", names.structure(&structure.name));
    for field in &structure.fields {
        let function = npi.function(&field.name).filter(|_| is_table);
        let declared = match function.filter(|_| field.kind == Type::Function) {
            Some(function) => {
                let name = names.function(&function.name);
                format!("P{name} {};{}", camel(&field.name), optional(field))
            }
            None => declaration::of(&field.kind, &camel(&field.name), names) + ";",
        };
        let _ = writeln!(text, "    {declared}");
    }
    text.push_str("};\n");
    text
}

const fn optional(field: &Field) -> &'static str {
    if field.optional {
        " // may be NULL"
    } else {
        ""
    }
}
