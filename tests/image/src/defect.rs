// SPDX-License-Identifier: MIT OR Apache-2.0

//! Defects of a loadable image.

use object::pe;

use crate::headers::Headers;
use crate::{DriverImage, Symbol};

/// The only images that a driver of this project may depend on.
const EXPORTERS: [&str; 3] = ["ntoskrnl.exe", "netio.sys", "wdfldr.sys"];

/// The DLL characteristics that must be set, with the linker option for each.
const REQUIRED: [(pe::DllFlags, &str, &str); 4] = [
    (
        pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
        "NX_COMPAT",
        "/NXCOMPAT",
    ),
    (
        pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE,
        "DYNAMIC_BASE",
        "/DYNAMICBASE",
    ),
    (
        pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA,
        "HIGH_ENTROPY_VA",
        "/HIGHENTROPYVA",
    ),
    (
        pe::IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY,
        "FORCE_INTEGRITY",
        "/INTEGRITYCHECK",
    ),
];

/// Something that Windows, or this project, would object to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// A security property is not claimed.
    #[error("DLL characteristic {name} is missing: link with {option}")]
    Characteristic {
        /// Its name without the prefix.
        name: &'static str,
        /// The linker option that sets it.
        option: &'static str,
    },
    /// Code or data that may run at `DISPATCH_LEVEL` can be paged out.
    #[error("section {section} can be paged out: link with /SECTION and the attribute P of lld")]
    Paged {
        /// The section's name.
        section: String,
    },
    /// Memory that can be written and executed.
    #[error("section {section} is both writable and executable: split it")]
    WritableCode {
        /// The section's name.
        section: String,
    },
    /// A function of an image that the drivers must not depend on.
    #[error(
        "{symbol} is imported from {dll}: use only {}",
        EXPORTERS.join(", ")
    )]
    Exporter {
        /// The exporting image.
        dll: String,
        /// The import.
        symbol: Symbol,
    },
    /// Windows requires the checksum of drivers.
    #[error(
        "the checksum {claimed:#x} in its headers is not that of its bytes, {actual:#x}: link with \
         /RELEASE"
    )]
    Checksum {
        /// The headers' checksum.
        claimed: u32,
        /// The file's checksum.
        actual: u32,
    },
    /// A number, which may stand for another function in the next version of Windows.
    #[error("ordinal {ordinal} is imported from {dll}: import the function by name")]
    Ordinal {
        /// The exporting image.
        dll: String,
        /// The number.
        ordinal: u16,
    },
}

/// The names of the security properties that the headers claim.
pub(crate) fn claimed(headers: &Headers) -> Vec<&'static str> {
    let claimed = REQUIRED.into_iter();
    let claimed = claimed.filter(|(flag, ..)| headers.dll_flags.contains(*flag));
    claimed.map(|(_, name, _)| name).collect()
}

/// All defects, in the order of the image.
pub(crate) fn find(image: &DriverImage) -> Vec<Defect> {
    let DriverImage {
        headers,
        sections,
        imports,
        ..
    } = image;
    let characteristics = REQUIRED
        .into_iter()
        .filter(|(flag, ..)| !headers.dll_flags.contains(*flag))
        .map(|(_, name, option)| Defect::Characteristic { name, option });
    let paged = sections
        .iter()
        .filter(|section| section.paged && !section.discardable)
        .map(|section| Defect::Paged {
            section: section.name.clone(),
        });
    let writable_code = sections
        .iter()
        .filter(|section| section.writable && section.executable)
        .map(|section| Defect::WritableCode {
            section: section.name.clone(),
        });
    let exporters = imports
        .iter()
        .filter(|import| !is_known_exporter(&import.dll))
        .map(|import| Defect::Exporter {
            dll: import.dll.clone(),
            symbol: import.symbol.clone(),
        });
    let ordinals = imports.iter().filter_map(|import| match import.symbol {
        Symbol::Ordinal(ordinal) => Some(Defect::Ordinal {
            dll: import.dll.clone(),
            ordinal,
        }),
        Symbol::Name(_) => None,
    });
    let (claimed, actual) = (image.claimed_checksum(), image.checksum());
    let checksum = (claimed != actual).then_some(Defect::Checksum { claimed, actual });
    characteristics
        .chain(paged)
        .chain(writable_code)
        .chain(exporters)
        .chain(ordinals)
        .chain(checksum)
        .collect()
}

fn is_known_exporter(dll: &str) -> bool {
    EXPORTERS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(dll))
}
