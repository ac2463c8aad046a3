// SPDX-License-Identifier: MIT OR Apache-2.0

//! Writes the C header of an NPI from its description, for drivers that include the
//! Windows Driver Kit's own headers.

mod constants;
mod declaration;
mod functions;
mod initialisers;
mod layout;
mod names;
mod structures;

use npi_description::Npi;

use names::Names;
pub use names::SameName;

/// The header.
///
/// # Errors
///
/// Two things of the description have one name in C.
pub fn text(npi: &Npi) -> Result<String, SameName> {
    let names = Names::of(npi)?;
    let prefix = names.prefix();
    let parts = [
        constants::text(npi, &names),
        structures::forward(npi, &names),
        functions::text(npi, &names),
        structures::text(npi, &names),
        initialisers::macros(npi, &names),
        initialisers::functions(npi, &names),
        layout::assertions(npi, &names),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(HEADER
        .replace("{guard}", &format!("{prefix}_NPI_H"))
        .replace("{name}", &npi.name)
        .replace("{parts}", &parts.join("\n")))
}

/// What each header has in common; the annotations are those of the WDK's driverspecs.h
/// and sal.h.
const HEADER: &str = "\
// The NPI {name}. Generated from its description by the command `header`: change that, not
// this file.
// Include <wdm.h>, <ntddk.h> or <ntifs.h>, and <netioddk.h>, before it.

#ifndef {guard}
#define {guard}

#include <stddef.h>

#ifndef _IRQL_requires_
#define _IRQL_requires_(Irql)
#endif
#ifndef _IRQL_requires_max_
#define _IRQL_requires_max_(Irql)
#endif
#ifndef _In_
#define _In_
#endif
#ifndef _Inout_
#define _Inout_
#endif
#ifndef _Out_
#define _Out_
#endif

#ifdef __cplusplus
extern \"C\" {
#endif

{parts}
#ifdef __cplusplus
}
#endif

#endif
";
