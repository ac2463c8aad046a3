// SPDX-License-Identifier: MIT OR Apache-2.0

//! Assertions that the compiler lays the structures out as the description says.

use std::fmt::Write;

use npi_description::Npi;

use crate::names::{Names, camel};

pub(crate) fn assertions(npi: &Npi, names: &Names) -> String {
    if npi.structures.is_empty() {
        return String::new();
    }
    let mut text = "#ifdef _WIN64\n".to_owned();
    for structure in &npi.structures {
        let name = names.structure(&structure.name);
        let _ = writeln!(text, "C_ASSERT(sizeof({name}) == {});", structure.size);
        for field in &structure.fields {
            let place = format!("offsetof({name}, {})", camel(&field.name));
            let _ = writeln!(text, "C_ASSERT({place} == {});", field.offset);
        }
    }
    text.push_str("#endif\n");
    text
}
