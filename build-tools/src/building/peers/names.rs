// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names of a description that mean nothing else in the source: a field may be called
//! `NULL`, which is a macro.

use npi_description::{Npi, Reply, Type};

/// The name, or another one if it looks like a macro: without a lower-case letter.
fn plain(name: &mut String) {
    if !name.contains(|letter: char| letter.is_ascii_lowercase()) {
        name.push('_');
    }
}

fn plain_type(kind: &mut Type) {
    match kind {
        Type::Structure(structure) | Type::Lent { structure, .. } => plain(structure),
        Type::Array(element, _) => plain_type(element),
        _ => {}
    }
}

/// The description with such names.
pub(super) fn made_plain(npi: &Npi) -> Npi {
    let mut npi = npi.clone();
    for module in [&mut npi.provider, &mut npi.client] {
        let structures = [&mut module.characteristics, &mut module.table];
        structures.into_iter().flatten().for_each(plain);
    }
    for structure in &mut npi.structures {
        plain(&mut structure.name);
        for field in &mut structure.fields {
            plain(&mut field.name);
            plain_type(&mut field.kind);
            if let Some(Reply::Field(from)) = &mut field.reply {
                plain(from);
            }
        }
    }
    for function in &mut npi.functions {
        plain(&mut function.name);
        function.completes.iter_mut().for_each(plain);
        let others = [
            &mut function.completed_by,
            &mut function.cancels,
            &mut function.after,
        ];
        others.into_iter().flatten().for_each(plain);
        for parameter in &mut function.parameters {
            plain_type(&mut parameter.kind);
        }
    }
    npi
}
