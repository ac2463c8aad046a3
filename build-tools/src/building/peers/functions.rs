// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions of a description in C: those of the peer's own table, and those that call
//! the other side's.

use std::fmt::Write as _;

use npi_description::{Function, Irql, Match, Npi, Parameter, Returns, Side, Type};

use super::structures::{declared, drawn, literal};
use super::{Conduct, hostile};

/// The declaration of a pointer to a function in a table.
pub(super) fn pointer(function: &Function) -> String {
    prototype(function, &format!("(*{})", function.name))
}

fn prototype(function: &Function, name: &str) -> String {
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
fn variable(parameter: &Parameter) -> String {
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
fn matched(function: &Function) -> Option<String> {
    match function.matched_by? {
        Match::Order => None,
        Match::Parameter(index) => {
            let name = variable(function.parameters.get(index)?);
            Some(format!("(ULONGLONG){name}"))
        }
    }
}

/// The parameters that are structures, each with its structure.
fn lent(function: &Function) -> impl Iterator<Item = Lent<'_>> {
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
struct Lent<'a> {
    parameter: &'a Parameter,
    structure: &'a str,
    constant: bool,
    /// A call and its completion have it in common.
    is_match: bool,
}

fn context(function: &Function) -> Option<String> {
    function
        .parameters
        .iter()
        .find(|it| it.is_binding)
        .map(variable)
}

/// A function of the peer's own table, which the other side calls.
pub(super) fn own(npi: &Npi, function: &Function, conduct: Conduct) -> String {
    let name = &function.name;
    let mut text = format!("static {} {{\n", prototype(function, &format!("On_{name}")));
    let refused = match &function.returns {
        Returns::Status => "return STATUS_INVALID_PARAMETER",
        Returns::Void => "return",
        Returns::Value(_) => "return 0",
    };
    // What only names another call is not followed.
    let names_another = function.is_completion() || function.cancels.is_some();
    // The end of a call is not refused.
    let checked = |it: &Lent<'_>| !function.is_completion() && !(names_another && it.is_match);
    for it in lent(function).filter(checked) {
        _ = writeln!(
            text,
            "    if (!Accepts_{}({}))\n        {refused};",
            it.structure,
            variable(it.parameter)
        );
    }
    let f = number(name);
    if let Some(context) = context(function) {
        text += &answer(npi, function, &context, &f);
    }
    for it in lent(function).filter(|it| !it.constant && !names_another) {
        text += &reply("    ", it.structure, &variable(it.parameter), conduct);
    }
    text += match &function.returns {
        Returns::Status => "    return STATUS_SUCCESS;\n",
        Returns::Void => "",
        Returns::Value(_) => "    return 0;\n",
    };
    text + "}\n\n"
}

/// The statements that write an answer into a structure.
fn reply(indent: &str, structure: &str, it: &str, conduct: Conduct) -> String {
    let mut text = format!("{indent}Reply_{structure}({it});\n");
    if conduct == Conduct::Hostile {
        _ = writeln!(text, "{indent}Scribble({it}, &Shape_{structure});");
    }
    text
}

/// What happens in a function that has the binding `context`.
fn answer(npi: &Npi, function: &Function, context: &str, f: &str) -> String {
    let mut text = format!("    BINDING *own = {context};\n");
    let match_ = matched(function).unwrap_or_else(|| "0".to_owned());
    if function.is_completion() {
        _ = writeln!(
            text,
            "    own->Heard = TRUE;\n    Completed(own, {f}, {match_});"
        );
        return text;
    }
    if let Some(cancelled) = &function.cancels {
        let cancelled = number(cancelled);
        _ = writeln!(text, "    FinishWithin(NULL, {cancelled}, {match_});");
    }
    if function.returns != Returns::Status {
        return text + "    own->Heard = TRUE;\n";
    }
    _ = writeln!(text, "    ULONG decided = Decide(own, {f});");
    text += "    if (decided == REFUSE)\n        return Refusal();\n";
    if function.pends() {
        text += "    if (decided == KEEP) {\n";
        _ = writeln!(
            text,
            "        CALL *call = NewCall(own, {f});\n        if (call) {{"
        );
        _ = writeln!(text, "            call->Match = {match_};");
        for it in lent(function) {
            _ = writeln!(
                text,
                "            call->Lent[call->LentCount++] = (PVOID){};",
                variable(it.parameter)
            );
        }
        // What the completion lends is made now: then nothing is left that can fail.
        let mut condition = String::new();
        let mut freed = String::new();
        for (place, structure) in of_completion(npi, function) {
            let place = format!("call->Lent[{place}]");
            _ = writeln!(text, "            {place} = Make_{structure}(2);");
            _ = write!(condition, "{place} && ");
            _ = writeln!(freed, "            Free_{structure}({place});");
        }
        _ = writeln!(
            text,
            "            if ({condition}Keep(call)) {{\n                FinishWithin(call, {f}, 0);\n                \
             return STATUS_PENDING;\n            }}\n{freed}            Free(call);\n        \
             }}\n    }}"
        );
    }
    _ = writeln!(text, "    own->Done[{f}] = TRUE;");
    text
}

/// The function that calls one of the other side.
pub(super) fn call(npi: &Npi, function: &Function, conduct: Conduct) -> String {
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

pub(super) fn table_of(npi: &Npi, side: Side) -> &str {
    let table = npi.module(side).table.as_deref();
    table.expect("a function is in a table")
}

/// The functions that draw a call, complete one, and free what was lent with one.
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
    text += "}\n\nstatic void Complete(CALL *call) {\n    switch (call->Function) {\n";
    for function in npi.functions_of(side).filter(|it| it.pends()) {
        text += &completion(npi, function, conduct);
    }
    text += "    }\n}\n\nstatic void FreeLent(CALL *call) {\n    switch (call->Function) {\n";
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

/// The function that completes calls of `function`.
pub(super) fn completion_of<'a>(npi: &'a Npi, function: &Function) -> &'a Function {
    let name = function.completed_by.as_deref();
    let found = name.and_then(|name| npi.function(name));
    found.expect("a call that pends has a completion")
}

/// The structures that the completion of a call lends beside those of the call: the place of
/// each in a kept call.
fn of_completion<'a>(npi: &'a Npi, function: &Function) -> impl Iterator<Item = (usize, &'a str)> {
    let first = lent(function).count();
    let all = lent(completion_of(npi, function)).filter(|it| !it.is_match);
    (first..).zip(all.map(|it| it.structure))
}

/// The case that completes a kept call of `function`.
fn completion(npi: &Npi, function: &Function, conduct: Conduct) -> String {
    let completion = completion_of(npi, function);
    let table = table_of(npi, completion.side);
    let mut text = format!(
        "    case {}: {{\n        const struct {table} *table = call->Binding->Table;\n",
        number(&function.name)
    );
    for (index, it) in lent(function).enumerate() {
        if !it.constant {
            let lent = format!("call->Lent[{index}]");
            text += &reply("        ", it.structure, &lent, conduct);
        }
    }
    let mut made = Vec::new();
    let mut after = String::new();
    let mut made_before = of_completion(npi, function);
    for (index, parameter) in completion.parameters.iter().enumerate() {
        made.push(match &parameter.kind {
            _ if parameter.is_binding => "call->Binding->Peer".to_owned(),
            kind if completion.matched_by == Some(Match::Parameter(index)) => {
                format!("({})call->Match", declared(kind, "").trim_end())
            }
            Type::Lent { .. } => {
                let (place, structure) = made_before.next().expect("it is one of these");
                _ = writeln!(after, "        Free_{structure}(call->Lent[{place}]);");
                format!("call->Lent[{place}]")
            }
            kind => drawn(&parameter.value, kind),
        });
    }
    _ = writeln!(
        text,
        "        table->{}({});\n{after}        break;\n    }}",
        completion.name,
        made.join(", ")
    );
    text
}
