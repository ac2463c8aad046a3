// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions of the peer's own table in C, which the other side calls, and the completion
//! of the calls that it keeps.

use std::fmt::Write as _;

use npi_description::{Function, Match, Npi, Returns, Side, Type};

use super::functions::{
    Lent, completion_of, context, lent, matched, number, prototype, table_of, variable,
};
use super::structures::{declared, drawn};
use super::{Conduct, hostile};

/// A function of the peer's own table, which the other side calls.
pub(super) fn function(npi: &Npi, function: &Function, conduct: Conduct) -> String {
    let name = &function.name;
    let remembers = conduct == Conduct::Hostile && hostile::looks_up(npi, function);
    let own_name = format!("{}_{name}", if remembers { "Answer" } else { "On" });
    let mut text = format!("static {} {{\n", prototype(function, &own_name));
    let refused = match &function.returns {
        Returns::Status => "return STATUS_INVALID_PARAMETER",
        Returns::Void => "return",
        Returns::Value(_) => "return 0",
    };
    // What only names another call is not followed.
    let names_another = function.is_completion() || function.cancels.is_some();
    // The end of a call is not refused.
    let checked = |it: &Lent<'_>| !(function.is_completion() || names_another && it.is_match);
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
    text += "}\n\n";
    if remembers {
        text += &hostile::remembering(function, &own_name);
    }
    text
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
    let mut text = format!("    BINDING *own = Own({context});\n");
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

/// The structures that the completion of a call lends beside those of the call: the place of
/// each in a kept call.
fn of_completion<'a>(npi: &'a Npi, function: &Function) -> impl Iterator<Item = (usize, &'a str)> {
    let first = lent(function).count();
    let all = lent(completion_of(npi, function)).filter(|it| !it.is_match);
    (first..).zip(all.map(|it| it.structure))
}

/// The function that completes a call that was kept.
pub(super) fn completions(npi: &Npi, side: Side, conduct: Conduct) -> String {
    let pending = npi.functions_of(side).filter(|it| it.pends());
    let cases: String = pending.map(|it| completion(npi, it, conduct)).collect();
    format!(
        "static void Complete(CALL *call) {{\n    switch (call->Function) {{\n{cases}    }}\n}}\n\n"
    )
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
    if conduct == Conduct::Hostile && hostile::looks_up(npi, function) {
        let f = number(&function.name);
        _ = writeln!(
            text,
            "        ULONGLONG past = Remember(call->Binding, {f}, call->Match, TRUE);"
        );
        after += "        Settle(past);\n";
    }
    _ = writeln!(
        text,
        "        table->{}({});\n{after}        break;\n    }}",
        completion.name,
        made.join(", ")
    );
    text
}
