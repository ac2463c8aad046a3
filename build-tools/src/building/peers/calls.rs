// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions that call the other side's, in C.

use std::fmt::Write as _;

use npi_description::{Function, Match, Npi, Parameter, Returns, Side, Type};

use super::functions::{lent, matched, number, table_of, variable};
use super::structures::{declared, drawn};
use super::{Conduct, hostile};

/// The function that calls one of the other side.
pub(super) fn function(npi: &Npi, function: &Function, conduct: Conduct) -> String {
    let hostile = conduct == Conduct::Hostile;
    let name = &function.name;
    let f = number(name);
    let table = table_of(npi, function.side);
    let looks_up = hostile
        && function
            .parameters
            .iter()
            .any(|it| it.is_binding && it.looked_up);
    let through = if looks_up {
        "through"
    } else {
        "binding->Table"
    };
    let mut text = format!(
        "static void Call_{name}(BINDING *binding, const void *through) {{\n    const struct \
         {table} *table = {through};\n    PVOID context = binding->Peer;\n    CALL *call;\n    \
         KIRQL before;\n"
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
    _ = writeln!(
        text,
        "    call = NewCall(binding, {f});\n    if (!call) {{\n        {}return;\n    }}",
        drop_cancelled(function)
    );
    if looks_up {
        text += "    context = Misdirect(call);\n";
    }
    for (index, parameter) in function.parameters.iter().enumerate() {
        if !parameter.is_binding {
            text += &argument(function, index, parameter, conduct);
        }
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

/// The statement by which a call that is not made leaves the one that it would cancel.
const fn drop_cancelled(function: &Function) -> &'static str {
    if function.cancels.is_some() {
        "Drop(cancelled);\n        "
    } else {
        ""
    }
}

/// The statements that make an argument.
fn argument(function: &Function, index: usize, parameter: &Parameter, conduct: Conduct) -> String {
    let (name, kind) = (variable(parameter), &parameter.kind);
    let is_match = function.matched_by == Some(Match::Parameter(index));
    let kind_name = declared(kind, "");
    let kind_name = kind_name.trim_end();
    let hostile = conduct == Conduct::Hostile;
    match kind {
        _ if is_match && function.cancels.is_some() => {
            let null = if hostile { "OneIn(4) ? 0 : " } else { "" };
            format!("    {name} = {null}({kind_name})cancelled->Match;\n")
        }
        Type::Lent { structure, .. } => {
            let null = if hostile {
                format!("    if (OneIn(8))\n        {name} = NULL;\n")
            } else {
                String::new()
            };
            format!(
                "    {name} = call->Lent[call->LentCount++] = {};\n    if (!{name}) {{\n        \
                 {}Drop(call);\n        return;\n    }}\n{null}",
                made(structure, conduct),
                drop_cancelled(function)
            )
        }
        // No two calls that pend have the same one.
        _ if is_match && function.pends() => format!("    {name} = ({kind_name})Token();\n"),
        kind => {
            let odd = if hostile && *kind != Type::Pointer {
                format!("OneIn(4) ? ({kind_name})Odd() : ")
            } else {
                String::new()
            };
            format!("    {name} = {odd}{};\n", drawn(&parameter.value, kind))
        }
    }
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
            "context".to_owned()
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
    let mut text = String::from("static void CallPeer(BINDING *binding, const void *through) {\n");
    if !calls.is_empty() {
        _ = writeln!(text, "    switch (Below({})) {{", calls.len());
        for (index, call) in calls.iter().enumerate() {
            _ = writeln!(
                text,
                "    case {index}:\n        {call}(binding, through);\n        break;"
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
