// SPDX-License-Identifier: MIT OR Apache-2.0

//! The structures of a description in C: their declarations, and the functions that make,
//! fill in, answer and free one.

use std::fmt::Write as _;

use npi_description::{Field, Meaning, Npi, Number, Reply, Structure, Type};

/// A field that is no structure itself, and where it is in the one that is looked at.
pub(super) struct Leaf<'a> {
    /// Such as `header.size`.
    pub(super) path: String,
    /// The path of the structure that its size is of; empty for the whole.
    within: String,
    pub(super) field: &'a Field,
}

impl Leaf<'_> {
    /// Returns `true` if a size in it is that of the whole.
    pub(super) const fn is_of_the_whole(&self) -> bool {
        self.within.is_empty()
    }

    /// What C's `sizeof` says of the structure whose size the field has.
    fn size_of(&self, it: &str) -> String {
        if self.within.is_empty() {
            format!("sizeof(*{it})")
        } else {
            format!("sizeof({it}->{})", self.within)
        }
    }
}

/// The fields of a structure and of those in it.
pub(super) fn leaves<'a>(npi: &'a Npi, structure: &'a Structure) -> Vec<Leaf<'a>> {
    let mut all = Vec::new();
    add_leaves(npi, structure, "", "", &mut all);
    all
}

fn add_leaves<'a>(
    npi: &'a Npi,
    structure: &'a Structure,
    prefix: &str,
    within: &str,
    all: &mut Vec<Leaf<'a>>,
) {
    for field in &structure.fields {
        let path = format!("{prefix}{}", field.name);
        let inner = match &field.kind {
            Type::Structure(name) => npi.structure(name),
            _ => None,
        };
        match inner {
            // A header says the size of what it is the head of.
            Some(inner) => {
                let within = if field.offset == 0 { within } else { &path };
                add_leaves(npi, inner, &format!("{path}."), within, all);
            }
            None => all.push(Leaf {
                path,
                within: within.to_owned(),
                field,
            }),
        }
    }
}

/// The field of a structure that says this, if there is one.
pub(super) fn said<'a>(npi: &'a Npi, structure: &'a Structure, what: Meaning) -> Option<Leaf<'a>> {
    let mut all = leaves(npi, structure).into_iter();
    all.find(|leaf| leaf.field.meaning == Some(what))
}

/// A declaration in C of something of this type.
pub(super) fn declared(kind: &Type, name: &str) -> String {
    match kind {
        Type::Unsigned(1) => format!("UCHAR {name}"),
        Type::Unsigned(2) => format!("USHORT {name}"),
        Type::Unsigned(4) => format!("ULONG {name}"),
        Type::Unsigned(_) => format!("ULONGLONG {name}"),
        Type::Signed(1) => format!("CHAR {name}"),
        Type::Signed(2) => format!("SHORT {name}"),
        Type::Signed(4) => format!("LONG {name}"),
        Type::Signed(_) => format!("LONGLONG {name}"),
        Type::Bool => format!("BOOLEAN {name}"),
        Type::Status => format!("NTSTATUS {name}"),
        Type::Guid => format!("GUID {name}"),
        // A function is of no use without its prototype, which tables have.
        Type::Pointer | Type::Function => format!("PVOID {name}"),
        Type::Array(element, count) => declared(element, &format!("{name}[{count}]")),
        Type::Structure(structure) => format!("struct {structure} {name}"),
        Type::Lent {
            structure,
            constant: true,
        } => format!("const struct {structure} *{name}"),
        Type::Lent { structure, .. } => format!("struct {structure} *{name}"),
    }
}

/// A number as C has it.
pub(super) fn literal(number: i64) -> String {
    if number == i64::MIN {
        format!("({}LL - 1)", number + 1)
    } else if i32::try_from(number).is_ok() {
        number.to_string()
    } else {
        format!("{number}LL")
    }
}

/// An expression for a number that is drawn, of this type.
pub(super) fn drawn(number: &Number, kind: &Type) -> String {
    let (low, high) = (literal(*number.0.start()), literal(*number.0.end()));
    let one = if low == high {
        low
    } else {
        format!("Draw({low}, {high})")
    };
    match kind {
        Type::Pointer => format!("(PVOID)(ULONGLONG){one}"),
        _ => format!("({}){one}", declared(kind, "").trim_end()),
    }
}

/// The declaration of a structure; `function` declares the functions of a table.
pub(super) fn declaration(structure: &Structure, function: impl Fn(&Field) -> String) -> String {
    let mut text = format!("struct {} {{\n", structure.name);
    for field in &structure.fields {
        let field = match field.kind {
            Type::Function => function(field),
            _ => declared(&field.kind, &field.name),
        };
        _ = writeln!(text, "    {field};");
    }
    let Structure { name, size, .. } = structure;
    _ = writeln!(
        text,
        "}};\n_Static_assert(sizeof(struct {name}) == {size}, \"as described\");"
    );
    text
}

/// The statements that fill `*it` in, but for functions and structures that are lent.
pub(super) fn filled(npi: &Npi, structure: &Structure, it: &str) -> String {
    let mut text = String::new();
    for leaf in leaves(npi, structure) {
        let Leaf { path, field, .. } = &leaf;
        let value = match (field.meaning, &field.kind) {
            (Some(Meaning::Size), kind) => {
                format!("({}){}", declared(kind, "").trim_end(), leaf.size_of(it))
            }
            // What is null or zero is so already.
            (_, Type::Function | Type::Lent { .. } | Type::Guid | Type::Array(..)) => continue,
            _ if field.value == Number::default() => continue,
            (_, kind) => drawn(&field.value, kind),
        };
        _ = writeln!(text, "    {it}->{path} = {value};");
    }
    text
}

/// The structures that are lent, directly or inside others.
pub(super) fn lent(npi: &Npi) -> Vec<&Structure> {
    let parameters = npi.functions.iter().flat_map(|it| &it.parameters);
    let mut names: Vec<&str> = parameters.filter_map(|it| pointee(&it.kind)).collect();
    let mut next = 0;
    while let Some(structure) = names.get(next).and_then(|name| npi.structure(name)) {
        let inside = leaves(npi, structure);
        names.extend(inside.iter().filter_map(|leaf| pointee(&leaf.field.kind)));
        next += 1;
        // Each once, in the order in which they were met.
        let mut seen = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(*name);
                true
            }
        });
    }
    let is_lent = |it: &&Structure| names.contains(&it.name.as_str());
    npi.structures.iter().filter(is_lent).collect()
}

fn pointee(kind: &Type) -> Option<&str> {
    match kind {
        Type::Lent { structure, .. } => Some(structure),
        _ => None,
    }
}

/// The prototypes of the functions that make and free a structure.
pub(super) fn prototypes(structure: &Structure) -> String {
    let name = &structure.name;
    format!(
        "static struct {name} *Make_{name}(ULONG depth);\nstatic void Free_{name}(struct {name} \
         *);\n"
    )
}

/// The functions that make, free, check and answer a structure that is lent.
pub(super) fn operations(npi: &Npi, structure: &Structure) -> String {
    let name = &structure.name;
    let mut text =
        format!("static void Free_{name}(struct {name} *it) {{\n    if (!it)\n        return;\n");
    let all = leaves(npi, structure);
    let inside = || {
        let pointees = all.iter();
        pointees.filter_map(|leaf| Some((&leaf.path, pointee(&leaf.field.kind)?)))
    };
    for (path, other) in inside() {
        _ = writeln!(text, "    Free_{other}((struct {other} *)it->{path});");
    }
    _ = writeln!(text, "    Free(it);\n}}\n");
    _ = writeln!(
        text,
        "static struct {name} *Make_{name}(ULONG depth) {{\n    struct {name} *it = \
         Allocate(sizeof(*it));\n    if (!it)\n        return NULL;\n{}",
        filled(npi, structure, "it").trim_end()
    );
    for (path, other) in inside() {
        _ = writeln!(
            text,
            "    it->{path} = depth ? Make_{other}(depth - 1) : NULL;\n    if (depth && !it->{path}) \
             {{\n        Free_{name}(it);\n        return NULL;\n    }}"
        );
    }
    _ = writeln!(text, "    return it;\n}}\n");
    text + &accepts(npi, structure) + &replies(structure, &all)
}

/// The function that checks what the other side has lent.
fn accepts(npi: &Npi, structure: &Structure) -> String {
    let name = &structure.name;
    let size = said(npi, structure, Meaning::Size).map_or_else(String::new, |leaf| {
        format!(" && it->{} >= {}", leaf.path, leaf.size_of("it"))
    });
    format!(
        "static BOOLEAN Accepts_{name}(const struct {name} *it) {{ return it != NULL{size}; }}\n\n"
    )
}

/// The function that writes what the callee answers.
fn replies(structure: &Structure, all: &[Leaf<'_>]) -> String {
    let mut text = format!("static void Reply_{0}(struct {0} *it) {{\n", structure.name);
    for leaf in all {
        let Leaf { path, field, .. } = leaf;
        let statement = match &field.reply {
            None => continue,
            Some(Reply::Number(number)) => {
                let value = drawn(&Number(*number..=*number), &field.kind);
                format!("it->{path} = {value};")
            }
            Some(Reply::Field(from)) => {
                let stem = path.strip_suffix(field.name.as_str()).unwrap_or_default();
                format!("__builtin_memcpy(&it->{path}, &it->{stem}{from}, sizeof(it->{path}));")
            }
        };
        _ = writeln!(text, "    {statement}");
    }
    text + "}\n\n"
}
