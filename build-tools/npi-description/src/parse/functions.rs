// SPDX-License-Identifier: MIT OR Apache-2.0

//! Functions, and what they say of each other.

use toml::Spanned;

use super::{Result, kind, not_described, number, word, wrong};
use crate::raw::{self, Text};
use crate::{
    Due, Function, Irql, Match, Meaning, Npi, Number, Parameter, Refusal, Returns, Side, Type, When,
};

/// The most parameters of a function.
const MOST_PARAMETERS: usize = 16;

/// The functions of both tables, in their order; `npi` has all but them.
pub(super) fn all(raw: &raw::Npi, npi: &Npi) -> Result<Vec<Function>> {
    let mut all = Vec::new();
    for side in [Side::Provider, Side::Client] {
        let fields = npi.table(side).map_or(&[][..], |table| &table.fields);
        for field in fields.iter().filter(|it| it.kind == Type::Function) {
            let found = raw
                .functions
                .iter()
                .find(|(name, _)| *name.as_ref() == field.name);
            let Some((name, one)) = found else {
                let reason = format!("`{0}` is not described: add [functions.{0}]", field.name);
                return Err((place_of(raw, npi, side, &field.name), reason));
            };
            if all.iter().any(|it: &Function| it.name == field.name) {
                let reason = format!("`{}` is in both tables: rename one", field.name);
                return wrong(name, reason);
            }
            let mut function = function(name, one, npi)?;
            (function.side, function.offset) = (side, field.offset);
            function.optional = field.optional;
            all.push(function);
        }
    }
    relate(raw, &mut all)?;
    Ok(all)
}

/// Where the field of a function is written.
fn place_of(raw: &raw::Npi, npi: &Npi, side: Side, field: &str) -> Option<std::ops::Range<usize>> {
    let table = npi.table(side)?;
    let mut structures = raw.structures.iter();
    let (_, table) = structures.find(|(name, _)| *name.as_ref() == table.name)?;
    let mut fields = table.fields.iter();
    Some(fields.find(|it| it.name.as_ref() == field)?.name.span())
}

/// The function alone; where it is and what it has to do with others comes later.
fn function(name: &Text, raw: &raw::Function, npi: &Npi) -> Result<Function> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for one in &raw.parameters {
        let one = parameter(name, one, npi)?;
        if parameters.iter().any(|it| it.name == one.name) {
            let reason = format!("`{}` is there twice: rename one", one.name);
            return wrong(name, reason);
        }
        parameters.push(one);
    }
    if parameters.len() > MOST_PARAMETERS {
        let reason = format!("there are more than {MOST_PARAMETERS} parameters: leave some out");
        return wrong(name, reason);
    }
    let mut fields = npi.structures.iter().flat_map(|it| &it.fields);
    if raw.if_offered.is_some() && !fields.any(|it| it.meaning == Some(Meaning::Offered)) {
        return wrong(
            name,
            "no field is what `if_offered` speaks of: add `is = \"offered\"` to one",
        );
    }
    Ok(Function {
        name: word(name, "function")?,
        side: Side::Provider,
        offset: 0,
        optional: false,
        irql: irql(&raw.irql)?,
        returns: returns(raw.returns.as_ref())?,
        parameters,
        completed_by: raw.completed_by.as_ref().map(|it| it.as_ref().clone()),
        completes: Vec::new(),
        matched_by: None,
        cancels: raw.cancels.as_ref().map(|it| it.as_ref().clone()),
        after: raw.after.as_ref().map(|it| it.as_ref().clone()),
        if_offered: raw.if_offered.unwrap_or_default(),
        most_pending: raw.most_pending.as_ref().map(|it| *it.as_ref()),
        due_after: raw.due_after.as_ref().map(|it| Due {
            calls: *it.calls.as_ref(),
            of: it.of.as_ref().clone(),
        }),
        overtaken_by: raw.overtaken_by.as_ref().map(|it| *it.as_ref()),
        refuses: raw.refuses.as_ref().map(refusals).transpose()?,
    })
}

fn parameter(function: &Text, raw: &raw::Parameter, npi: &Npi) -> Result<Parameter> {
    let looked_up = raw.looked_up.as_ref().is_some_and(|it| *it.as_ref());
    if let Some(is) = &raw.is {
        if is.as_ref() != "binding" {
            let reason = format!("a parameter is no `{}`: write `binding`", is.as_ref());
            return wrong(is, reason);
        }
        return Ok(Parameter {
            name: raw
                .name
                .as_ref()
                .map_or(Ok("binding".to_owned()), |it| word(it, "parameter"))?,
            kind: Type::Pointer,
            is_binding: true,
            value: Number::default(),
            looked_up,
        });
    }
    let (Some(name), Some(text)) = (&raw.name, &raw.kind) else {
        return wrong(
            function,
            "a parameter has `name` and `type`, or `is = \"binding\"`: add them",
        );
    };
    let kind = kind(text)?;
    if let Some(named) = kind.named()
        && npi.structure(named).is_none()
    {
        return wrong(text, not_described(named));
    }
    if matches!(
        kind,
        Type::Structure(_) | Type::Array(..) | Type::Function | Type::Guid
    ) {
        return wrong(
            text,
            "this is not passed as it is: pass a structure as `*NAME`, others as `pointer`",
        );
    }
    let name = word(name, "parameter")?;
    Ok(Parameter {
        value: number(raw.value.as_ref(), &kind, &name)?,
        name,
        kind,
        is_binding: false,
        looked_up,
    })
}

fn irql(text: &Text) -> Result<Irql> {
    Ok(match text.as_ref().as_str() {
        "PASSIVE_LEVEL" => Irql::Passive,
        "<= APC_LEVEL" => Irql::UpToApc,
        "<= DISPATCH_LEVEL" => Irql::UpToDispatch,
        "DISPATCH_LEVEL" => Irql::Dispatch,
        other => {
            return wrong(
                text,
                format!(
                    "`{other}` is no IRQL: use PASSIVE_LEVEL, <= APC_LEVEL, <= DISPATCH_LEVEL or \
                     DISPATCH_LEVEL"
                ),
            );
        }
    })
}

fn refusals(raw: &Spanned<Vec<raw::Refusal>>) -> Result<Vec<Refusal>> {
    raw.as_ref().iter().map(refusal).collect()
}

fn refusal(raw: &raw::Refusal) -> Result<Refusal> {
    /// Statuses from here on are warnings and errors.
    const FIRST: u32 = 0x8000_0000;
    let status = u32::try_from(*raw.status.as_ref()).ok();
    let Some(status) = status.filter(|&it| it >= FIRST) else {
        return wrong(
            &raw.status,
            "it is no status of a call that fails: write one from 0x8000_0000 to 0xFFFF_FFFF",
        );
    };
    let when = match raw.when.as_ref().as_str() {
        "malformed" => When::Malformed,
        "detaching" => When::Detaching,
        "busy" => When::Busy,
        "ever" => When::Ever,
        other => {
            let reason =
                format!("`{other}` says nothing of when: use malformed, detaching, busy or ever");
            return wrong(&raw.when, reason);
        }
    };
    Ok(Refusal { status, when })
}

fn returns(text: Option<&Text>) -> Result<Returns> {
    let Some(text) = text else {
        return Ok(Returns::Status);
    };
    Ok(match text.as_ref().as_str() {
        "status" => Returns::Status,
        "void" => Returns::Void,
        _ => match kind(text)? {
            kind @ (Type::Unsigned(_) | Type::Signed(_) | Type::Bool | Type::Pointer) => {
                Returns::Value(kind)
            }
            _ => {
                return wrong(
                    text,
                    "a function returns void, status, a number or a pointer",
                );
            }
        },
    })
}

/// Resolves what the functions say of each other.
fn relate(raw: &raw::Npi, all: &mut [Function]) -> Result<()> {
    for (name, one) in &raw.functions {
        let Some(index) = all.iter().position(|it| it.name == *name.as_ref()) else {
            let reason = format!("`{}` is in no table: add it to one", name.as_ref());
            return wrong(name, reason);
        };
        let side = all[index].side;
        check_promises(all, index, one)?;
        if let Some(after) = &one.after {
            find(
                all,
                after,
                |it| it.name != *name.as_ref(),
                "another function",
            )?;
        }
        if let Some(cancels) = &one.cancels {
            let of = |it: &Function| it.side == side && it.pends();
            let cancelled = find(all, cancels, of, "a function of the same table that pends")?;
            all[index].matched_by = matched(raw, all, cancelled, index, cancels)?;
        }
        let Some(completed_by) = &one.completed_by else {
            if let Some(matched_by) = &one.matched_by {
                return wrong(matched_by, "nothing completes this: add `completed_by`");
            }
            continue;
        };
        if all[index].returns != Returns::Status {
            return wrong(
                completed_by,
                "a call pends by its status: let it return `status`",
            );
        }
        let of = |it: &Function| it.side == side.peer();
        let completion = find(all, completed_by, of, "a function of the peer's table")?;
        let Some(matched_by) = &one.matched_by else {
            return wrong(
                completed_by,
                "how is a completion known to be that of a call? add `matched_by`: a parameter of \
                 both, or \"order\"",
            );
        };
        all[index].matched_by = matched(raw, all, index, index, matched_by)?;
        let how = matched(raw, all, index, completion, matched_by)?;
        if all[completion].is_completion() && all[completion].matched_by != how {
            return wrong(
                matched_by,
                "the completion is matched to another call in another way: use one",
            );
        }
        all[completion].matched_by = how;
        all[completion].completes.push(name.as_ref().clone());
    }
    check_lookups(raw, all)
}

/// What is promised of a function is about calls that there are.
fn check_promises(all: &[Function], index: usize, raw: &raw::Function) -> Result<()> {
    let function = &all[index];
    if let Some(due) = &raw.due_after {
        let of = |it: &Function| it.side == function.side && it.name != function.name;
        find(all, &due.of, of, "another function of the same table")?;
        if *due.calls.as_ref() == 0 {
            return wrong(
                &due.calls,
                "a call is due after one call at least: write 1 or more",
            );
        }
    }
    if let (Some(most), false) = (&raw.most_pending, function.pends()) {
        return wrong(most, "no call of it pends: add `completed_by`");
    }
    if let (Some(refuses), false) = (&raw.refuses, function.pends()) {
        return wrong(refuses, "no call of it pends: add `completed_by`");
    }
    let is_busy = |it: &raw::Refusal| it.when.as_ref() == "busy";
    let busy = raw
        .refuses
        .iter()
        .flat_map(AsRef::as_ref)
        .find(|it| is_busy(it));
    if let (Some(busy), None) = (busy, function.most_pending) {
        return wrong(
            &busy.when,
            "any number of calls may pend: add `most_pending`",
        );
    }
    if let (Some(most), None) = (&raw.overtaken_by, &function.cancels) {
        return wrong(most, "it cancels nothing: add `cancels`");
    }
    Ok(())
}

/// Only what stands for something of the callee's can be looked up by it.
fn check_lookups(raw: &raw::Npi, all: &[Function]) -> Result<()> {
    for (name, one) in &raw.functions {
        let function = all.iter().find(|it| it.name == *name.as_ref());
        for (index, parameter) in one.parameters.iter().enumerate() {
            let Some(looked_up) = parameter.looked_up.as_ref().filter(|it| *it.as_ref()) else {
                continue;
            };
            let is_match = |it: &Function| {
                it.is_completion() && it.matched_by == Some(Match::Parameter(index))
            };
            if parameter.is.is_none() && !function.is_some_and(is_match) {
                return wrong(
                    looked_up,
                    "a callee looks up its binding, and in a completion what this has in common \
                     with the call: take `looked_up` away",
                );
            }
        }
    }
    Ok(())
}

/// The number of the function that `text` names, if it is a fitting one.
fn find(
    all: &[Function],
    text: &Text,
    fits: impl Fn(&Function) -> bool,
    wanted: &str,
) -> Result<usize> {
    let found = all.iter().position(|it| it.name == *text.as_ref());
    found.filter(|index| fits(&all[*index])).map_or_else(
        || {
            wrong(
                text,
                format!("`{}` is not {wanted}: name one", text.as_ref()),
            )
        },
        Ok,
    )
}

/// How `function` finds a call of `pended`.
fn matched(
    raw: &raw::Npi,
    all: &[Function],
    pended: usize,
    function: usize,
    at: &Text,
) -> Result<Option<Match>> {
    let mut functions = raw.functions.iter();
    let pended = functions.find(|(name, _)| *name.as_ref() == all[pended].name);
    let by = pended.and_then(|(_, it)| it.matched_by.as_ref());
    let Some(by) = by else {
        return Ok(None);
    };
    if by.as_ref() == "order" {
        return Ok(Some(Match::Order));
    }
    let one = &all[function];
    let mut parameters = one.parameters.iter();
    match parameters.position(|it| it.name == *by.as_ref() && !it.is_binding) {
        Some(number) => Ok(Some(Match::Parameter(number))),
        None => wrong(
            at,
            format!(
                "`{}` has no parameter `{}`: name one that both functions have",
                one.name,
                by.as_ref()
            ),
        ),
    }
}
