// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions of a description in C: their prototypes, and what is said of each.

use std::fmt::Write as _;

use npi_description::{Function, Irql, Match, Npi, Parameter, Returns, Side, Type};

use super::structures::{declared, literal};

/// The declaration of a pointer to a function in a table.
pub(super) fn pointer(function: &Function) -> String {
    prototype(function, &format!("(*{})", function.name))
}

pub(super) fn prototype(function: &Function, name: &str) -> String {
    let parameters = function.parameters.iter();
    let parameters: Vec<_> = parameters
        .map(|it| declared(&it.kind, &variable(it)))
        .collect();
    let parameters = if parameters.is_empty() {
        "void".to_owned()
    } else {
        parameters.join(", ")
    };
    match &function.returns {
        Returns::Status => format!("NTSTATUS {name}({parameters})"),
        Returns::Void => format!("void {name}({parameters})"),
        Returns::Value(kind) => declared(kind, &format!("{name}({parameters})")),
    }
}

/// The name of a parameter, which no other name in the source is.
pub(super) fn variable(parameter: &Parameter) -> String {
    format!("p_{}", parameter.name)
}

/// The name of a function's number.
pub(super) fn number(name: &str) -> String {
    format!("F_{name}")
}

/// The numbers of the functions, and what the description says of each.
pub(super) fn traits(npi: &Npi) -> String {
    let mut text = String::new();
    for (index, function) in npi.functions.iter().enumerate() {
        _ = writeln!(text, "#define {} {index}", number(&function.name));
    }
    text += "\nstatic const FUNCTION Functions[FUNCTIONS] = {\n";
    for function in &npi.functions {
        let (lowest, highest) = match function.irql {
            Irql::Passive => ("PASSIVE_LEVEL", "PASSIVE_LEVEL"),
            Irql::UpToApc => ("PASSIVE_LEVEL", "APC_LEVEL"),
            Irql::UpToDispatch => ("PASSIVE_LEVEL", "DISPATCH_LEVEL"),
            Irql::Dispatch => ("DISPATCH_LEVEL", "DISPATCH_LEVEL"),
        };
        let of = |name: &Option<String>| name.as_deref().map_or("-1".to_owned(), number);
        _ = writeln!(
            text,
            "    [{}] = {{{lowest}, {highest}, {}, {}, {}, {}}},",
            number(&function.name),
            of(&function.completed_by),
            of(&function.after),
            literal(function.if_offered),
            if function.matched_by == Some(Match::Order) {
                "TRUE"
            } else {
                "FALSE"
            },
        );
    }
    text + "};\n\n"
}

/// The argument that a call and its completion have in common, as a number.
pub(super) fn matched(function: &Function) -> Option<String> {
    match function.matched_by? {
        Match::Order => None,
        Match::Parameter(index) => {
            let name = variable(function.parameters.get(index)?);
            Some(format!("(ULONGLONG){name}"))
        }
    }
}

/// The parameters that are structures, each with its structure.
pub(super) fn lent(function: &Function) -> impl Iterator<Item = Lent<'_>> {
    let all = function.parameters.iter().enumerate();
    all.filter_map(|(index, parameter)| match &parameter.kind {
        Type::Lent {
            structure,
            constant,
        } => Some(Lent {
            parameter,
            structure,
            constant: *constant,
            is_match: function.matched_by == Some(Match::Parameter(index)),
        }),
        _ => None,
    })
}

/// A parameter that is a structure.
pub(super) struct Lent<'a> {
    pub(super) parameter: &'a Parameter,
    pub(super) structure: &'a str,
    pub(super) constant: bool,
    /// A call and its completion have it in common.
    pub(super) is_match: bool,
}

pub(super) fn context(function: &Function) -> Option<String> {
    function
        .parameters
        .iter()
        .find(|it| it.is_binding)
        .map(variable)
}

/// The structure of the table of a side.
pub(super) fn table_of(npi: &Npi, side: Side) -> &str {
    let table = npi.module(side).table.as_deref();
    table.expect("a function is in a table")
}

/// The function that completes calls of `function`.
pub(super) fn completion_of<'a>(npi: &'a Npi, function: &Function) -> &'a Function {
    let name = function.completed_by.as_deref();
    let found = name.and_then(|name| npi.function(name));
    found.expect("a call that pends has a completion")
}
