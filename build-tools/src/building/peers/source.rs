// SPDX-License-Identifier: MIT OR Apache-2.0

//! The source of a peer: one C file, which needs the headers of the Windows Driver Kit.

use npi_description::{Npi, Side};

use super::{Conduct, Module, calls, contract, functions, hostile, names, own, structures};

/// The headers of the Windows Driver Kit that peers need.
const INCLUDES: &str = "#include <wdm.h>\n#include <netioddk.h>\n#include <bcrypt.h>\n";
/// The part that all peers have in common.
const RUNTIME: &str = include_str!("runtime/peer.c");
/// What a hostile one has beyond it.
const HOSTILE: &str = include_str!("runtime/hostile.c");

/// The peer that plays a side of an NPI.
pub(super) fn described(npi: &Npi, side: Side, modules: &[Module], conduct: Conduct) -> String {
    let what = format!("made from the description of {}", npi.name);
    let npi = &names::made_plain(npi);
    let functions = npi.functions.len().max(1);
    let mut parts = vec![head(&what, side, modules, functions, conduct)];
    parts.push(format!("// The structures of {}.\n\n", npi.name));
    let names = npi.structures.iter().map(|it| &it.name);
    parts.extend(names.map(|name| format!("struct {name};\n")));
    for structure in &npi.structures {
        let function = |field: &_| contract::entry(npi, structure, field);
        parts.push("\n".to_owned());
        parts.push(structures::declaration(structure, function));
    }
    parts.push("\n".to_owned());
    let lent = structures::lent(npi);
    parts.extend(lent.iter().map(|it| structures::prototypes(it)));
    parts.push("\n".to_owned());
    parts.extend(lent.iter().map(|it| structures::operations(npi, it)));
    if conduct == Conduct::Hostile {
        parts.push("// Where they can be broken.\n\n".to_owned());
        parts.push(hostile::shapes(npi, side, &lent));
    }
    parts.push("// Its functions.\n\n".to_owned());
    parts.push(functions::traits(npi));
    parts.extend(
        npi.functions_of(side)
            .map(|it| own::function(npi, it, conduct)),
    );
    let callable = npi.functions_of(side.peer());
    let callable = callable.filter(|it| !it.is_completion());
    parts.extend(callable.map(|it| calls::function(npi, it, conduct)));
    if conduct == Conduct::Hostile {
        let undue = hostile::undue(npi, side);
        parts.extend(undue.map(|it| hostile::completion(npi, it)));
    }
    parts.push(calls::choices(npi, side, conduct));
    parts.push(own::completions(npi, side, conduct));
    parts.push("// What this side registers and hands over, and what it takes.\n\n".to_owned());
    parts.push(contract::identity(npi.id, modules, conduct));
    parts.push(contract::handed_over(npi, side));
    parts.push(contract::checks(npi, side, conduct));
    parts.concat()
}

/// The beginning of every peer's source.
pub(super) fn head(
    what: &str,
    side: Side,
    modules: &[Module],
    functions: usize,
    conduct: Conduct,
) -> String {
    let (role, define) = match side {
        Side::Provider => ("provider", "PROVIDER"),
        Side::Client => ("client", "CLIENT"),
    };
    let modules = modules.len();
    let [runtime, hostile] = [RUNTIME, HOSTILE].map(without_licence);
    let (adjective, switch, hostile) = match conduct {
        Conduct::Auto => ("", "", ""),
        Conduct::Hostile => ("hostile ", "#define HOSTILE\n", hostile),
    };
    format!(
        "// A {adjective}{role}, {what}, to be the peer of a driver under test.\n// Do not edit: \
         `--peer` writes this file.\n\n{INCLUDES}\n#define {define}\n{switch}#define FUNCTIONS \
         {functions}\n#define MODULES {modules}\n\n{runtime}\n{hostile}\n"
    )
}

/// A source of ours, without the line that says under which licence it is here.
fn without_licence(source: &str) -> &str {
    match source.split_once('\n') {
        Some((first, rest)) if first.contains("SPDX") => rest,
        _ => source,
    }
}
