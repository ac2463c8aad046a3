// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a peer registers and hands over, and which peers it takes, in C.

use std::fmt::Write as _;

use npi_description::{Field, Function, Meaning, Npi, NpiId, Side, Structure, Type};

use super::functions;
use super::structures::{filled, leaves, said};
use super::{Conduct, Module};

/// A GUID as C initialises one.
pub(super) fn guid(id: NpiId) -> String {
    let digits = format!("{:032x}", id.0);
    let bytes: Vec<_> = (16..32)
        .step_by(2)
        .map(|at| format!("0x{}", &digits[at..at + 2]))
        .collect();
    format!(
        "{{0x{}, 0x{}, 0x{}, {{{}}}}}",
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        bytes.join(", ")
    )
}

/// The identifiers with which the peer registers.
pub(super) fn identity(npi: NpiId, modules: &[Module], conduct: Conduct) -> String {
    let padding = match conduct {
        Conduct::Auto => "0",
        Conduct::Hostile => "HOSTILE_PADDING",
    };
    let mut text = format!(
        "static const GUID NpiId = {};\nstatic const MODULE Modules[MODULES] = {{\n",
        guid(npi)
    );
    for (index, module) in modules.iter().enumerate() {
        // A hostile one has identifiers of the other type as well.
        let kind = if conduct == Conduct::Hostile && index % 3 == 2 {
            "MIT_IF_LUID"
        } else {
            "MIT_GUID"
        };
        _ = writeln!(
            text,
            "    {{{{{{sizeof(NPI_MODULEID), {padding}, {kind}, {}}}}}, {}, {}}},",
            guid(module.id),
            module.number,
            module.version
        );
    }
    text + "};\n\n"
}

/// The characteristics and the table of the peer, and the function that draws them.
pub(super) fn handed_over(npi: &Npi, side: Side) -> String {
    let mut text = String::new();
    let mut body = String::new();
    if let Some(structure) = npi.characteristics(side) {
        _ = writeln!(text, "static struct {} OwnCharacteristics;", structure.name);
        body += "    struct ";
        _ = writeln!(
            body,
            "{} *own = &OwnCharacteristics;\n{}    *characteristics = own;",
            structure.name,
            filled(npi, structure, "own")
        );
    }
    if let Some(structure) = npi.table(side) {
        _ = writeln!(text, "static struct {} OwnTable;", structure.name);
        _ = writeln!(
            body,
            "    struct {} *mine = &OwnTable;\n{}{}    *table = mine;",
            structure.name,
            filled(npi, structure, "mine"),
            entries(npi, side, structure)
        );
    }
    format!(
        "{text}\nstatic void Prepare(const void **characteristics, const void **table) {{\n{body}}}\n\n"
    )
}

/// The statements that put the peer's functions in its table.
fn entries(npi: &Npi, side: Side, table: &Structure) -> String {
    let mut text = String::new();
    for field in table.fields.iter().filter(|it| it.kind == Type::Function) {
        let function = npi.function_at(side, field.offset);
        let function = function.expect("the functions of tables are described");
        let name = &function.name;
        _ = match condition(npi, side, function) {
            None => writeln!(text, "    mine->{name} = On_{name};"),
            Some(condition) => writeln!(
                text,
                "    if ({condition})\n        mine->{name} = On_{name};"
            ),
        };
    }
    text
}

/// When the peer has a function that may be missing.
fn condition(npi: &Npi, side: Side, function: &Function) -> Option<String> {
    if !function.optional {
        return None;
    }
    let offered = npi.characteristics(side);
    let offered = offered.and_then(|it| said(npi, it, Meaning::Offered));
    match offered {
        Some(offered) if function.if_offered != 0 => Some(format!(
            "OwnCharacteristics.{} & {}",
            offered.path, function.if_offered
        )),
        _ => Some("OneIn(2)".to_owned()),
    }
}

/// The functions that look at what the other side hands over.
pub(super) fn checks(npi: &Npi, side: Side, conduct: Conduct) -> String {
    let characteristics = match conduct {
        Conduct::Auto => characteristics_check(npi, side),
        Conduct::Hostile => "    if (IsHostile(peer))\n        return FALSE;\n    *common = \
                             ~0ULL;\n"
            .to_owned(),
    };
    format!(
        "static BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer, ULONGLONG *common) {{\n{}    \
         return TRUE;\n}}\n\nstatic BOOLEAN FitsTable(const void *table) {{\n{}    return \
         TRUE;\n}}\n\n",
        characteristics,
        table_check(npi, side.peer())
    )
}

fn characteristics_check(npi: &Npi, side: Side) -> String {
    let Some(structure) = npi.characteristics(side.peer()) else {
        return String::new();
    };
    let path = |of, what| said(npi, of, what).map(|leaf| leaf.path);
    let theirs = |what| path(structure, what).map(|path| format!("theirs->{path}"));
    let own = npi.characteristics(side);
    let ours = |what| path(own?, what).map(|path| format!("OwnCharacteristics.{path}"));
    let mut text = format!(
        "    const struct {} *theirs = peer->NpiSpecificCharacteristics;\n    if (!theirs)\n        \
         return FALSE;\n",
        structure.name
    );
    let mut refuse = |condition: String| {
        _ = writeln!(text, "    if ({condition})\n        return FALSE;");
    };
    if let Some(size) = theirs(Meaning::Size) {
        refuse(format!("{size} < sizeof(*theirs)"));
    }
    let (low, high) = (Meaning::LowestVersion, Meaning::HighestVersion);
    for (one, other) in [(theirs(low), ours(high)), (ours(low), theirs(high))] {
        if let (Some(one), Some(other)) = (one, other) {
            refuse(format!("{one} > {other}"));
        }
    }
    let (offered, required) = (Meaning::Offered, Meaning::Required);
    for (one, other) in [
        (theirs(required), ours(offered)),
        (ours(required), theirs(offered)),
    ] {
        if let (Some(one), Some(other)) = (one, other) {
            refuse(format!("{one} & ~{other}"));
        }
    }
    if let (Some(theirs), Some(ours)) = (theirs(offered), ours(offered)) {
        _ = writeln!(text, "    *common = {theirs} & {ours};");
    }
    text
}

/// A table must be there and as long as it is described, with the functions that may not
/// be missing.
fn table_check(npi: &Npi, side: Side) -> String {
    let Some(structure) = npi.table(side) else {
        return String::new();
    };
    let mut text = format!(
        "    const struct {} *theirs = table;\n    if (!theirs)\n        return FALSE;\n",
        structure.name
    );
    if let Some(size) = said(npi, structure, Meaning::Size) {
        _ = writeln!(
            text,
            "    if (theirs->{} < sizeof(*theirs))\n        return FALSE;",
            size.path
        );
    }
    let required = |field: &Field| field.kind == Type::Function && !field.optional;
    for leaf in leaves(npi, structure) {
        if required(leaf.field) {
            _ = writeln!(
                text,
                "    if (!theirs->{})\n        return FALSE;",
                leaf.path
            );
        }
    }
    text
}

/// The declaration of a function in the table of a side.
pub(super) fn entry(npi: &Npi, table: &Structure, field: &Field) -> String {
    let sides = [Side::Provider, Side::Client];
    let mut sides = sides
        .into_iter()
        .filter(|side| npi.table(*side).is_some_and(|it| it.name == table.name));
    let function = sides.find_map(|side| npi.function_at(side, field.offset));
    function.map_or_else(|| format!("PVOID {}", field.name), functions::pointer)
}
