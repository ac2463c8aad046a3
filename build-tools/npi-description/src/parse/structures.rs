// SPDX-License-Identifier: MIT OR Apache-2.0

//! Structures and their layout.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use super::{Result, counters, kind, meaning, not_described, number, word, wrong};
use crate::raw::{self, Text};
use crate::{Field, Meaning, Number, Reply, Structure, Type};

/// The largest structure: a mistyped length must not make one that fits nowhere.
const LARGEST: usize = 1 << 20;

/// The most structures inside each other: each is a step of recursion.
const DEEPEST: usize = 64;

/// All structures, each after those that it contains.
pub(super) fn all(raw: &raw::Npi) -> Result<Vec<Structure>> {
    let mut all = Vec::new();
    for (name, structure) in &raw.structures {
        place(raw, name, structure, &mut Vec::new(), &mut all)?;
    }
    Ok(all)
}

/// Adds a structure after those that it contains; those in `open` contain it.
fn place<'a>(
    raw: &'a raw::Npi,
    name: &'a Text,
    raw_structure: &'a raw::Structure,
    open: &mut Vec<&'a Text>,
    all: &mut Vec<Structure>,
) -> Result<()> {
    let label = word(name, "structure")?;
    if all.iter().any(|it| it.name == label) {
        return Ok(());
    }
    if open.contains(&name) {
        return wrong(name, format!("`{label}` contains itself: use `*{label}`"));
    }
    if open.len() == DEEPEST {
        return wrong(
            name,
            format!("`{label}` is inside of {DEEPEST} others: leave some out"),
        );
    }
    if raw_structure.fields.is_empty() {
        return wrong(name, format!("`{label}` has no field: describe one"));
    }
    open.push(name);
    let mut fields = Vec::new();
    for field in &raw_structure.fields {
        let kind = kind(&field.kind)?;
        if let Some(named) = kind.named() {
            let found = raw.structures.iter().find(|(key, _)| key.as_ref() == named);
            let Some((key, inner)) = found else {
                return wrong(&field.kind, not_described(named));
            };
            if kind.inside().is_some() {
                place(raw, key, inner, open, all)?;
            }
        }
        fields.push((field, kind));
    }
    open.pop();
    let mut structure = lay_out(label, &fields, all)?;
    structure.counts = counters::of(name, raw_structure, &structure)?;
    for (field, _) in &fields {
        check_reply(field, &structure)?;
        check_count(field, &structure)?;
    }
    all.push(structure);
    Ok(())
}

fn lay_out(name: String, fields: &[(&raw::Field, Type)], all: &[Structure]) -> Result<Structure> {
    let known: BTreeMap<_, _> = all.iter().map(|it| (it.name.as_str(), it)).collect();
    let mut structure = Structure {
        name,
        fields: Vec::new(),
        size: 0,
        align: 1,
        counts: None,
    };
    for (raw, kind) in fields {
        let label = word(&raw.name, "field")?;
        if structure.field(&label).is_some() {
            return wrong(&raw.name, format!("`{label}` is there twice: rename one"));
        }
        let layout = kind.layout(&known).filter(|(size, _)| *size <= LARGEST);
        let Some((size, align)) = layout else {
            return wrong(
                &raw.kind,
                format!("`{label}` is too large: make it smaller"),
            );
        };
        let offset = structure.size.next_multiple_of(align);
        structure.size = offset + size;
        structure.align = structure.align.max(align);
        structure
            .fields
            .push(field(label, raw, kind, offset..structure.size)?);
    }
    structure.size = structure.size.next_multiple_of(structure.align);
    for ((raw, kind), field) in fields.iter().zip(&structure.fields) {
        let most = kind.bounds().map_or(0, |(_, most)| most);
        if field.meaning == Some(Meaning::Size) && structure.size as u64 > most.cast_unsigned() {
            return wrong(
                &raw.kind,
                format!(
                    "`{}` holds 0 to {most}, and `{}` has {} bytes: use a larger type",
                    field.name, structure.name, structure.size
                ),
            );
        }
    }
    Ok(structure)
}

fn field(name: String, raw: &raw::Field, kind: &Type, bytes: Range<usize>) -> Result<Field> {
    let meaning = raw.is.as_ref().map(|is| meaning(is, kind)).transpose()?;
    if raw.optional && *kind != Type::Function {
        return wrong(&raw.name, "only a function is `optional`: leave it out");
    }
    if let (Some(value), Some(Meaning::Size)) = (&raw.value, meaning) {
        return wrong(value, "the size is known: leave `value` out");
    }
    Ok(Field {
        value: number(raw.value.as_ref(), kind, &name)?,
        reply: raw.reply.as_ref().map(|reply| match reply.as_ref() {
            raw::Reply::Number(number) => Reply::Number(*number),
            raw::Reply::Field(field) => Reply::Field(field.clone()),
        }),
        counted_by: raw.counted_by.as_ref().map(|it| it.as_ref().to_owned()),
        counts: raw.counts.as_deref().map(counters::outcomes).transpose()?,
        optional: raw.optional,
        name,
        kind: kind.clone(),
        offset: bytes.start,
        size: bytes.len(),
        meaning,
    })
}

/// What a callee writes fits the field.
fn check_reply(raw: &raw::Field, structure: &Structure) -> Result<()> {
    let (Some(reply), Some(field)) = (&raw.reply, structure.field(raw.name.as_ref())) else {
        return Ok(());
    };
    match reply.as_ref() {
        raw::Reply::Number(one) => {
            let number_at = Spanned::new(reply.span(), raw::Number::One(*one));
            number(Some(&number_at), &field.kind, &field.name).map(|_: Number| ())
        }
        raw::Reply::Field(from) => match structure.field(from) {
            None => wrong(reply, format!("there is no field `{from}`: name one")),
            Some(source) if source.kind != field.kind => wrong(
                reply,
                format!(
                    "`{from}` has another type than `{}`: use one type",
                    field.name
                ),
            ),
            Some(_) => Ok(()),
        },
    }
}

/// The number of elements that count is a number, and the field has elements.
fn check_count(raw: &raw::Field, structure: &Structure) -> Result<()> {
    let (Some(count), Some(field)) = (&raw.counted_by, structure.field(raw.name.as_ref())) else {
        return Ok(());
    };
    if !matches!(field.kind, Type::Array(..)) {
        return wrong(
            count,
            "only an array has elements to count: leave `counted_by` out",
        );
    }
    let from = count.as_ref();
    match structure.field(from).map(|it| &it.kind) {
        None => wrong(count, format!("there is no field `{from}`: name one")),
        Some(Type::Unsigned(_)) => Ok(()),
        Some(_) => wrong(
            count,
            format!("`{from}` is no number without sign: name one that is"),
        ),
    }
}
