// SPDX-License-Identifier: MIT OR Apache-2.0

//! Identifiers, versions and capability bits.

use std::fmt::Write;

use npi_description::{Field, Meaning, Npi, NpiId, Side};

use crate::names::Names;

pub(crate) fn text(npi: &Npi, names: &Names) -> String {
    let mut text = format!(
        "// {}\nstatic const GUID {} = {};\n",
        npi.id,
        names.constant("NPI_ID"),
        guid(npi.id)
    );
    for (side, name) in [
        (Side::Provider, "PROVIDER_MODULE_ID"),
        (Side::Client, "CLIENT_MODULE_ID"),
    ] {
        if let Some(id) = npi.module(side).module_id {
            let _ = write!(
                text,
                "// {id}\nstatic const NPI_MODULEID {} = {{\n    sizeof(NPI_MODULEID), MIT_GUID, \
                 {{{}}}}};\n",
                names.constant(name),
                guid(id)
            );
        }
    }
    let mut defines = String::new();
    if let Some(version) = version(npi) {
        let _ = writeln!(defines, "#define {} {version}", names.constant("VERSION"));
    }
    for function in npi.functions.iter().filter(|it| it.if_offered != 0) {
        let _ = writeln!(
            defines,
            "#define {} 0x{:x}",
            names.offers(function),
            function.if_offered
        );
    }
    if !defines.is_empty() {
        text.push('\n');
        text.push_str(&defines);
    }
    text
}

/// The version of the NPI: what all fields say that have the version of a structure or of
/// the NPI, unless they differ.
pub(crate) fn version(npi: &Npi) -> Option<String> {
    let fields = npi.structures.iter().flat_map(|it| &it.fields);
    let mut versions = fields.filter(|it| is_version(it)).map(|it| &it.value);
    let first = versions.next()?;
    let is_one = first.0.start() == first.0.end() && versions.all(|it| it == first);
    is_one.then(|| literal(*first.0.start()))
}

/// Returns `true` for a field with the version of a structure or of the NPI.
pub(crate) const fn is_version(field: &Field) -> bool {
    matches!(
        field.meaning,
        Some(Meaning::Version | Meaning::LowestVersion | Meaning::HighestVersion)
    )
}

/// A number in C.
pub(crate) fn literal(number: i64) -> String {
    match u32::try_from(number) {
        Ok(number) => number.to_string(),
        Err(_) => format!("0x{number:x}ULL"),
    }
}

/// The initialiser of a GUID.
fn guid(id: NpiId) -> String {
    let [d1, d2, d3] = [96, 80, 64].map(|shift| id.0 >> shift);
    let rest = id.0.to_be_bytes();
    let rest: Vec<_> = rest[8..]
        .iter()
        .map(|byte| format!("0x{byte:02x}"))
        .collect();
    format!(
        "{{0x{d1:08x}, 0x{:04x}, 0x{:04x}, {{{}}}}}",
        d2 & 0xffff,
        d3 & 0xffff,
        rest.join(", ")
    )
}
