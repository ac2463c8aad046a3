// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions that call the other side's, in C.

use std::fmt::Write as _;

use npi_description::{Function, Match, Npi, Returns, Side, Type};

use super::functions::{lent, matched, number, table_of, variable};
use super::structures::{declared, drawn};
use super::{Conduct, hostile};

/// The function that calls one of the other side.
pub(super) fn function(npi: &Npi, function: &Function, conduct: Conduct) -> String {
    let hostile = conduct == Conduct::Hostile;
    let name = &function.name;
    let f = number(name);
    let table = table_of(npi, function.side);
    let mut text = format!(
        "static void Call_{name}(BINDING *binding) {{\n    const struct {table} *table = \
         binding->Table;\n    CALL *call;\n    KIRQL before;\n"
    );
    for parameter in function.parameters.iter().filter(|it| !it.is_binding) {
        let name = variable(parameter);
        _ = writeln!(text, "    {};", declared(&parameter.kind, &name));
    }
    let may_not = if hostile {
        String::new()
    } else {
        format!(" || !MayUse(binding, {f})")
    };
    _ = writeln!(text, "    if (!table->{name}{may_not})\n        return;");
    if let Some(cancelled) = &function.cancels {
        _ = writeln!(
            text,
            "    CALL *cancelled = Pending({}, {});\n    if (!cancelled)\n        return;",
            // The hostile peer cancels through another binding as well.
            if hostile {
                "OneIn(2) ? NULL : binding"
            } else {
                "binding"
            },
            number(cancelled)
        );
    }
    let drop_cancelled = if function.cancels.is_some() {
        "Drop(cancelled);\n        "
    } else {
        ""
    };
    _ = writeln!(
        text,
        "    call = NewCall(binding, {f});\n    if (!call) {{\n        {drop_cancelled}return;\n    }}"
    );
    let of_cancelled = match (function.matched_by, &function.cancels) {
        (Some(Match::Parameter(index)), Some(_)) => Some(index),
        _ => None,
    };
    for (index, parameter) in function.parameters.iter().enumerate() {
        let (name, kind) = (variable(parameter), &parameter.kind);
        let is_match = function.matched_by == Some(Match::Parameter(index));
        if parameter.is_binding {
            continue;
        }
        let one = match kind {
            _ if of_cancelled == Some(index) => {
                let kind = declared(kind, "");
                let right = format!("({})cancelled->Match", kind.trim_end());
                let one = match conduct {
                    Conduct::Auto => right,
                    Conduct::Hostile => format!("OneIn(4) ? 0 : {right}"),
                };
                _ = writeln!(text, "    {name} = {one};");
                continue;
            }
            Type::Lent { structure, .. } => format!(
                "{name} = call->Lent[call->LentCount++] = {};\n    if (!{name}) {{\n        \
                 {drop_cancelled}Drop(call);\n        return;\n    }}{}",
                made(structure, conduct),
                if hostile {
                    format!("\n    if (OneIn(8))\n        {name} = NULL;")
                } else {
                    String::new()
                }
            ),
            // No two calls that pend have the same one.
            _ if is_match && function.pends() => {
                let kind = declared(kind, "");
                format!("{name} = ({})Token();", kind.trim_end())
            }
            kind => {
                let right = drawn(&parameter.value, kind);
                let one = if hostile && *kind != Type::Pointer {
                    let kind = declared(kind, "");
                    format!("OneIn(4) ? ({})Odd() : {right}", kind.trim_end())
                } else {
                    right
                };
                format!("{name} = {one};")
            }
        };
        _ = writeln!(text, "    {one}");
    }
    if let (Some(match_), true) = (matched(function), function.pends()) {
        _ = writeln!(text, "    call->Match = {match_};");
    }
    _ = writeln!(
        text,
        "    if (Raise({f}, &before)) {{\n        if (Begin(call)) {{"
    );
    let invoked = invocation(function);
    let made = match function.returns {
        Returns::Status => format!(
            "NTSTATUS status = {invoked};\n            Lower(before);\n            Returned(call, \
             status);"
        ),
        _ => format!(
            "{invoked};\n            Lower(before);\n            Returned(call, STATUS_SUCCESS);"
        ),
    };
    _ = writeln!(
        text,
        "            {made}\n        }} else {{\n            Lower(before);\n            \
         Drop(call);\n        }}\n    }} else {{\n        Drop(call);\n    }}"
    );
    if function.cancels.is_some() {
        text += "    Drop(cancelled);\n";
    }
    text + "}\n\n"
}

/// An expression that makes a structure to lend.
fn made(structure: &str, conduct: Conduct) -> String {
    match conduct {
        Conduct::Auto => format!("Make_{structure}(2)"),
        Conduct::Hostile => format!("Spoil(Make_{structure}(2), &Shape_{structure})"),
    }
}

fn invocation(function: &Function) -> String {
    let arguments = function.parameters.iter().map(|it| {
        if it.is_binding {
            "binding->Peer".to_owned()
        } else {
            variable(it)
        }
    });
    let arguments: Vec<_> = arguments.collect();
    format!("table->{}({})", function.name, arguments.join(", "))
}

/// The functions that draw a call, and free what was lent with one.
pub(super) fn choices(npi: &Npi, side: Side, conduct: Conduct) -> String {
    let peer = side.peer();
    let callable: Vec<_> = npi
        .functions_of(peer)
        .filter(|it| !it.is_completion())
        .collect();
    let mut calls: Vec<_> = callable
        .iter()
        .map(|it| format!("Call_{}", it.name))
        .collect();
    if conduct == Conduct::Hostile {
        calls.extend(hostile::undue(npi, side).map(hostile::name));
    }
    let mut text = String::from("static void CallPeer(BINDING *binding) {\n");
    if !calls.is_empty() {
        _ = writeln!(text, "    switch (Below({})) {{", calls.len());
        for (index, call) in calls.iter().enumerate() {
            _ = writeln!(
                text,
                "    case {index}:\n        {call}(binding);\n        break;"
            );
        }
        text += "    }\n";
    }
    text += "}\n\nstatic void FreeLent(CALL *call) {\n    switch (call->Function) {\n";
    for function in callable {
        _ = writeln!(text, "    case {}:", number(&function.name));
        // The call that is cancelled has what they have in common.
        let own = lent(function).filter(|it| function.cancels.is_none() || !it.is_match);
        for (index, it) in own.enumerate() {
            _ = writeln!(text, "        Free_{}(call->Lent[{index}]);", it.structure);
        }
        text += "        break;\n";
    }
    text + "    }\n}\n\n"
}
