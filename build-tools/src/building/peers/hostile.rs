// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a hostile peer has beyond one that keeps the contract, in C: where its structures
//! can be broken, and completions that are not due.

use std::fmt::Write as _;

use npi_description::{Function, Match, Meaning, Npi, Side, Structure, Type};

use super::functions::{completion_of, context, matched, number, prototype, table_of, variable};
use super::structures::{declared, drawn, leaves};

/// The shapes of the structures that the peer lends and hands over.
pub(super) fn shapes(npi: &Npi, side: Side, lent: &[&Structure]) -> String {
    let mut text = String::new();
    for structure in lent {
        text += &shape(npi, structure, &format!("Shape_{}", structure.name));
    }
    for (structure, name) in [
        (npi.characteristics(side), "OwnCharacteristicsShape"),
        (npi.table(side), "OwnTableShape"),
    ] {
        match structure {
            Some(structure) => text += &shape(npi, structure, name),
            None => _ = writeln!(text, "static const SHAPE {name} = {{0}};"),
        }
    }
    text + "\n"
}

fn shape(npi: &Npi, structure: &Structure, name: &str) -> String {
    let mut spots = Vec::new();
    let mut may_shrink = true;
    for leaf in leaves(npi, structure) {
        let field = leaf.field;
        let kind = match (field.meaning, &field.kind) {
            (Some(Meaning::Size), _) if leaf.is_of_the_whole() => "SIZE",
            (Some(Meaning::Size), _) | (_, Type::Pointer) => continue,
            (_, Type::Function) => "ENTRY",
            (_, Type::Lent { .. }) => {
                may_shrink = false;
                continue;
            }
            (Some(_), _) => "NUMBER",
            // A number that has bounds.
            (None, _) if field.value.0.start() < field.value.0.end() => "NUMBER",
            (None, _) if field.reply.is_some() && field.kind.bounds().is_some() => "NUMBER",
            _ => continue,
        };
        let place = format!("struct {}, {}", structure.name, leaf.path);
        let width = format!("sizeof(((struct {} *)0)->{})", structure.name, leaf.path);
        spots.push(format!(
            "    {{__builtin_offsetof({place}), {width}, {kind}}},\n"
        ));
    }
    let count = spots.len();
    let spots = if count == 0 {
        "    {0}\n".to_owned()
    } else {
        spots.concat()
    };
    let may_shrink = if may_shrink { "TRUE" } else { "FALSE" };
    format!(
        "static const SPOT {name}Spots[] = {{\n{spots}}};\nstatic const SHAPE {name} = \
         {{sizeof(struct {}), {may_shrink}, {count}, {name}Spots}};\n",
        structure.name
    )
}

/// The functions of a side whose completion can be called without a call: the callee can see
/// that the argument that they have in common is of none.
pub(super) fn undue(npi: &Npi, side: Side) -> impl Iterator<Item = &Function> {
    let pends = npi.functions_of(side).filter(|it| it.pends());
    pends.filter(|it| matches!(it.matched_by, Some(Match::Parameter(_))))
}

/// Returns `true` if the peer looks calls of `function` up when they are completed.
pub(super) fn looks_up(npi: &Npi, function: &Function) -> bool {
    let completion = function.pends().then(|| completion_of(npi, function));
    completion.is_some_and(|it| match it.matched_by {
        Some(Match::Parameter(index)) => it.parameters[index].looked_up,
        Some(Match::Order) | None => false,
    })
}

/// A function of the peer's own table, around the one named `answer`: it keeps in mind
/// which calls are over, so that it can complete them again.
pub(super) fn remembering(function: &Function, answer: &str) -> String {
    let arguments: Vec<_> = function.parameters.iter().map(variable).collect();
    let context = context(function).map_or_else(|| "NULL".to_owned(), |it| format!("Own({it})"));
    let match_ = matched(function).unwrap_or_else(|| "0".to_owned());
    let name = &function.name;
    let f = number(name);
    format!(
        "static {} {{\n    NTSTATUS status;\n    if (!Admit({f}, {match_}))\n        return \
         Refusal();\n    status = {answer}({});\n    if (status != STATUS_PENDING)\n        \
         Remember({context}, {f}, {match_}, FALSE);\n    return status;\n}}\n\n",
        prototype(function, &format!("On_{name}")),
        arguments.join(", ")
    )
}

/// The name of the function that completes a call of `function` that is not outstanding.
pub(super) fn name(function: &Function) -> String {
    format!("Undue_{}", function.name)
}

/// The function that completes a call that is not outstanding: one that was not made, or if
/// the callee looks it up, one that is over or of another binding.
pub(super) fn completion(npi: &Npi, function: &Function) -> String {
    let completion = completion_of(npi, function);
    let mut arguments = Vec::new();
    let mut draw = String::new();
    for (index, parameter) in completion.parameters.iter().enumerate() {
        let is_match = completion.matched_by == Some(Match::Parameter(index));
        let kind = &parameter.kind;
        let is_pointer = matches!(kind, Type::Lent { .. } | Type::Pointer);
        if is_match && parameter.looked_up {
            let pointer = if is_pointer { "TRUE" } else { "FALSE" };
            let f = number(&function.name);
            draw = format!(
                "    if (OneIn(2))\n        past = DrawPast(binding, {f}, {pointer}, &match);\n"
            );
        }
        arguments.push(match kind {
            _ if parameter.is_binding => "binding->Peer".to_owned(),
            kind if is_match => format!("({})match", declared(kind, "").trim_end()),
            Type::Lent { .. } | Type::Pointer => "NULL".to_owned(),
            kind => drawn(&parameter.value, kind),
        });
    }
    let no_call = match completion.matched_by.map(|it| matched_type(completion, it)) {
        Some(Some(Type::Lent { .. } | Type::Pointer)) => "0",
        // No call has this number.
        _ => "~Token()",
    };
    format!(
        "static void {}(BINDING *binding, const void *through) {{\n    const struct {} *table = \
         binding->Table;\n    ULONGLONG past = 0, match = {no_call};\n    KIRQL before;\n    if \
         (!table->{2})\n        return;\n{draw}    if (Raise({3}, &before)) {{\n        \
         table->{2}({4});\n        Lower(before);\n    }}\n    Settle(past);\n}}\n\n",
        name(function),
        table_of(npi, completion.side),
        completion.name,
        number(&completion.name),
        arguments.join(", ")
    )
}

fn matched_type(function: &Function, by: Match) -> Option<&Type> {
    match by {
        Match::Order => None,
        Match::Parameter(index) => Some(&function.parameters.get(index)?.kind),
    }
}
