// SPDX-License-Identifier: MIT OR Apache-2.0

//! Types and declarations in C.

use npi_description::{Npi, Returns, Type};

use crate::names::Names;

/// The declaration of `name`, which has this type.
pub(crate) fn of(kind: &Type, name: &str, names: &Names) -> String {
    match kind {
        Type::Array(element, length) => of(element, &format!("{name}[{length}]"), names),
        Type::Lent {
            structure,
            constant,
        } => {
            let constant = if *constant { "const " } else { "" };
            format!("{constant}{} *{name}", names.structure(structure))
        }
        other => format!("{} {name}", plain(other, names)),
    }
}

/// The type of a function's result.
pub(crate) fn result(returns: &Returns, names: &Names) -> String {
    match returns {
        Returns::Status => "NTSTATUS".to_owned(),
        Returns::Void => "VOID".to_owned(),
        Returns::Value(kind) => plain(kind, names),
    }
}

/// A type that has a name. A function that is in no dispatch table has no described type.
fn plain(kind: &Type, names: &Names) -> String {
    match kind {
        Type::Unsigned(1) => "UCHAR",
        Type::Unsigned(2) => "USHORT",
        Type::Unsigned(4) => "ULONG",
        Type::Unsigned(_) => "ULONGLONG",
        Type::Signed(1) => "INT8",
        Type::Signed(2) => "SHORT",
        Type::Signed(4) => "LONG",
        Type::Signed(_) => "LONGLONG",
        Type::Bool => "BOOLEAN",
        Type::Status => "NTSTATUS",
        Type::Guid => "GUID",
        Type::Structure(name) => return names.structure(name),
        Type::Pointer | Type::Function | Type::Array(..) | Type::Lent { .. } => "PVOID",
    }
    .to_owned()
}

/// Returns `true` if a structure is the dispatch table of a side.
pub(crate) fn is_table(npi: &Npi, structure: &str) -> bool {
    let modules = [&npi.provider, &npi.client];
    modules
        .iter()
        .any(|it| it.table.as_deref() == Some(structure))
}
