// SPDX-License-Identifier: MIT OR Apache-2.0

//! From the file as it is written to a description: every name leads somewhere, every
//! number fits, every structure has a layout.

mod counters;
mod functions;
mod structures;

use std::ops::Range;

use toml::Spanned;

use crate::layout::is_word;
use crate::raw::{self, Text};
use crate::{Due, Habit, Meaning, Module, Npi, NpiId, Number, Side, Structure, Type};

/// A place and what is wrong there.
type Wrong = (Option<Range<usize>>, String);

type Result<T> = std::result::Result<T, Wrong>;

/// Words of C that no name may be.
const KEYWORDS: [&str; 34] = [
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else",
    "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register",
    "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef",
    "union", "unsigned", "void", "volatile", "while",
];

/// Reads a description.
pub(crate) fn npi(text: &str) -> Result<Npi> {
    let raw: raw::Npi = toml::from_str(text).map_err(|error| {
        let lines: Vec<_> = error.message().lines().map(str::trim).collect();
        let reason = lines.join(", ");
        let remedy = if reason.starts_with("missing") {
            "add it"
        } else {
            "correct it"
        };
        (error.span(), format!("{reason}: {remedy}"))
    })?;
    let structures = structures::all(&raw)?;
    let mut npi = Npi {
        name: word(&raw.name, "name")?,
        id: guid(&raw.id)?,
        provider: module(&raw.provider, &structures)?,
        client: module(&raw.client, &structures)?,
        structures,
        functions: Vec::new(),
    };
    npi.functions = functions::all(&raw, &npi)?;
    // A provider calls nothing before its attach callback has returned.
    if let Some(text) = &raw.provider.begins_with {
        return wrong(
            text,
            "a provider does not call before its attach is done: leave it out",
        );
    }
    for side in [Side::Provider, Side::Client] {
        let raw = match side {
            Side::Provider => &raw.provider,
            Side::Client => &raw.client,
        };
        let callee = |text: &Text| callee(text, &npi, side);
        let keeps_calling = raw.keeps_calling.as_ref().map(callee).transpose()?;
        let begins_with = raw.begins_with.as_ref().map(callee).transpose()?;
        let also_calls = habits(&raw.also_calls, &npi, side)?;
        let heeds = raw.heeds.as_ref();
        let heeds = heeds.map(|it| heeded(it, &npi, side)).transpose()?;
        let module = match side {
            Side::Provider => &mut npi.provider,
            Side::Client => &mut npi.client,
        };
        module.keeps_calling = keeps_calling;
        module.begins_with = begins_with;
        module.also_calls = also_calls;
        module.heeds = heeds;
    }
    Ok(npi)
}

/// An error at the place of `at`.
fn wrong<T, U>(at: &Spanned<T>, reason: impl Into<String>) -> Result<U> {
    Err((Some(at.span()), reason.into()))
}

/// The longest name: with what a header adds, C compilers tell it from others.
const LONGEST: usize = 64;

fn word(text: &Text, what: &str) -> Result<String> {
    let name = text.as_ref();
    if name.chars().count() > LONGEST {
        return wrong(
            text,
            format!("{what} is longer than {LONGEST} characters: shorten it"),
        );
    }
    if !is_word(name) {
        return wrong(
            text,
            format!("{what} `{name}` is no word: use letters, digits and _"),
        );
    }
    if KEYWORDS.contains(&name.as_str()) {
        return wrong(
            text,
            format!("{what} `{name}` is a word of C: use another one"),
        );
    }
    Ok(name.clone())
}

fn guid(text: &Text) -> Result<NpiId> {
    match NpiId::parse(text.as_ref()).filter(|id| id.0 != 0) {
        Some(id) => Ok(id),
        None => wrong(
            text,
            format!(
                "`{}` is no GUID: write 32 hexadecimal digits as 8-4-4-4-12",
                text.as_ref()
            ),
        ),
    }
}

fn kind(text: &Text) -> Result<Type> {
    Type::parse(text.as_ref()).or_else(|reason| wrong(text, reason))
}

fn number(value: Option<&Spanned<raw::Number>>, kind: &Type, name: &str) -> Result<Number> {
    let Some(value) = value else {
        return Ok(Number::default());
    };
    let (low, high) = match *value.as_ref() {
        raw::Number::One(one) => (one, one),
        raw::Number::Range([low, high]) => (low, high),
    };
    let reason = match kind.bounds() {
        _ if low > high => format!("[{low}, {high}] is empty: write the lower number first"),
        None => format!("`{name}` holds no number: leave `value` out"),
        Some((least, most)) if low < least || high > most => {
            format!("`{name}` holds {least} to {most}: correct `value`")
        }
        Some(_) => return Ok(Number(low..=high)),
    };
    wrong(value, reason)
}

/// What a module registers and hands over.
fn module(raw: &raw::Registration, structures: &[Structure]) -> Result<Module> {
    let structure = |text: &Text| match structures.iter().find(|it| it.name == *text.as_ref()) {
        Some(found) => Ok(found.name.clone()),
        None => wrong(text, not_described(text.as_ref())),
    };
    let module = Module {
        module_id: raw.module_id.as_ref().map(guid).transpose()?,
        characteristics: raw.characteristics.as_ref().map(structure).transpose()?,
        table: raw.table.as_ref().map(structure).transpose()?,
        keeps_calling: None,
        begins_with: None,
        also_calls: Vec::new(),
        heeds: None,
        accepts_all: raw.accepts_all.as_ref().is_some_and(|it| *it.as_ref()),
    };
    if let Some(at) = &raw.accepts_all
        && (module.module_id.is_none() || module.characteristics.is_none())
    {
        return wrong(at, "add the `module_id` and the `characteristics`");
    }
    if let (Some(text), true) = (&raw.characteristics, module.characteristics == module.table) {
        return wrong(
            text,
            "the characteristics are not the table: describe a structure for each",
        );
    }
    Ok(module)
}

/// The function that the known module of a side calls: one of its peer's.
fn callee(text: &Text, npi: &Npi, side: Side) -> Result<String> {
    let name = text.as_ref();
    let mut callable = npi.functions_of(side.peer());
    if !callable.any(|it| it.name == *name) {
        return wrong(
            text,
            format!("the peer has no function `{name}`: name one of its table"),
        );
    }
    of_known_module(text, npi, side)
}

/// The name in `text`, which is said of the known module of a side.
fn of_known_module(text: &Text, npi: &Npi, side: Side) -> Result<String> {
    if npi.module(side).module_id.is_none() {
        return wrong(
            text,
            "this is said of one module: add its `module_id`, or leave it out",
        );
    }
    Ok(text.as_ref().clone())
}

/// The functions that the known module of a side calls beside others.
fn habits(raw: &[raw::Habit], npi: &Npi, side: Side) -> Result<Vec<Habit>> {
    let habit = |raw: &raw::Habit| {
        let function = callee(&raw.function, npi, side)?;
        let of = match &raw.npi {
            None => callee(&raw.of, npi, side)?,
            Some(_) => word(&raw.of, "function")?,
        };
        if function == of {
            return wrong(&raw.of, "it is the same function: name another one");
        }
        let calls = *raw.calls.as_ref();
        if calls == 0 {
            return wrong(
                &raw.calls,
                "a call is due after one call at least: write 1 or more",
            );
        }
        Ok(Habit {
            function,
            due: Due { calls, of },
            npi: raw.npi.as_ref().map(guid).transpose()?,
        })
    };
    raw.iter().map(habit).collect()
}

/// The function by which the known module of a side lets itself be told to cancel.
fn heeded(text: &Text, npi: &Npi, side: Side) -> Result<String> {
    let name = text.as_ref();
    let mut own = npi.functions_of(side);
    if !own.any(|it| it.name == *name && it.cancels.is_some()) {
        return wrong(
            text,
            format!("`{name}` is no function of its own that cancels: name one"),
        );
    }
    of_known_module(text, npi, side)
}

fn not_described(structure: &str) -> String {
    format!("`{structure}` is not described: add [structures.{structure}]")
}

fn meaning(is: &Text, kind: &Type) -> Result<Meaning> {
    let meaning = match is.as_ref().as_str() {
        "size" => Meaning::Size,
        "version" => Meaning::Version,
        "lowest_version" => Meaning::LowestVersion,
        "highest_version" => Meaning::HighestVersion,
        "offered" => Meaning::Offered,
        "required" => Meaning::Required,
        other => {
            return wrong(
                is,
                format!(
                    "a field is no `{other}`: use size, version, lowest_version, highest_version, \
                     offered or required"
                ),
            );
        }
    };
    match kind {
        Type::Unsigned(_) => Ok(meaning),
        _ => wrong(is, "this is said by a number: use u8, u16, u32 or u64"),
    }
}
