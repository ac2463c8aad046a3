// SPDX-License-Identifier: MIT OR Apache-2.0

//! The types of the functions, with the IRQL at which they may be called.

use std::fmt::Write;

use npi_description::{Function, Irql, Npi, Parameter, Side, Type};

use crate::declaration;
use crate::names::{Names, camel};

pub(crate) fn text(npi: &Npi, names: &Names) -> String {
    let functions = npi.functions.iter().map(|it| function(it, names));
    functions.collect::<Vec<_>>().join("\n")
}

fn function(function: &Function, names: &Names) -> String {
    let name = names.function(&function.name);
    let parameters: Vec<_> = function
        .parameters
        .iter()
        .map(|it| format!("    {}", parameter(it, function.side, names)))
        .collect();
    let parameters = if parameters.is_empty() {
        "    VOID".to_owned()
    } else {
        parameters.join(",\n")
    };
    let result = declaration::result(&function.returns, names);
    let mut text = comment(&contract(function, names));
    let _ = write!(
        text,
        "typedef\n{}\n{result}\n{name}(\n{parameters}\n    );\ntypedef {name} *P{name};\n",
        irql(function.irql)
    );
    text
}

/// What the description says of the calls.
fn contract(function: &Function, names: &Names) -> String {
    let caller = match function.side {
        Side::Provider => "client",
        Side::Client => "provider",
    };
    let level = match function.irql {
        Irql::Passive => "PASSIVE_LEVEL",
        Irql::UpToApc => "<= APC_LEVEL",
        Irql::UpToDispatch => "<= DISPATCH_LEVEL",
        Irql::Dispatch => "DISPATCH_LEVEL",
    };
    let mut text = format!("Called by the {caller} at IRQL {level}.");
    if let Some(completed_by) = &function.completed_by {
        let _ = write!(
            text,
            " A call that returns STATUS_PENDING is completed by {}.",
            names.function(completed_by)
        );
    }
    if function.is_completion() {
        let completed: Vec<_> = function
            .completes
            .iter()
            .map(|it| names.function(it))
            .collect();
        let _ = write!(text, " Completes a call of {}.", completed.join(" or "));
    }
    if let Some(cancels) = &function.cancels {
        let _ = write!(
            text,
            " Cancels a pending call of {}.",
            names.function(cancels)
        );
    }
    if let Some(after) = &function.after {
        let _ = write!(text, " Only after {}.", names.function(after));
    }
    if function.if_offered != 0 {
        let _ = write!(
            text,
            " Only if both sides offer {}.",
            names.offers(function)
        );
    }
    text
}

const fn irql(irql: Irql) -> &'static str {
    match irql {
        Irql::Passive => "_IRQL_requires_(PASSIVE_LEVEL)",
        Irql::UpToApc => "_IRQL_requires_max_(APC_LEVEL)",
        Irql::UpToDispatch => "_IRQL_requires_max_(DISPATCH_LEVEL)",
        Irql::Dispatch => "_IRQL_requires_(DISPATCH_LEVEL)",
    }
}

fn parameter(parameter: &Parameter, side: Side, names: &Names) -> String {
    if parameter.is_binding {
        return match side {
            Side::Provider => "_In_ PVOID ProviderBindingContext",
            Side::Client => "_In_ PVOID ClientBindingContext",
        }
        .to_owned();
    }
    let annotation = match parameter.kind {
        Type::Lent {
            constant: false, ..
        } => "_Inout_",
        _ => "_In_",
    };
    let declared = declaration::of(&parameter.kind, &camel(&parameter.name), names);
    format!("{annotation} {declared}")
}

/// The text as comment lines.
fn comment(text: &str) -> String {
    let options = textwrap::Options::new(90)
        .initial_indent("// ")
        .subsequent_indent("// ")
        .break_words(false);
    textwrap::fill(text, options) + "\n"
}
