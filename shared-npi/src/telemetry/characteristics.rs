// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the two modules learn of each other before they meet.

use nmr::header::{Headed, Header};
use nmr::versions::Versions;

/// The `NpiSpecificCharacteristics` of either side.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Characteristics {
    /// Size and version of this structure.
    pub header: Header,
    /// The versions of the interface that the module speaks.
    pub versions: Versions,
}

const _: () = assert!(size_of::<Characteristics>() == 12);

// SAFETY: `repr(C)`, a header first, integers after it.
unsafe impl Headed for Characteristics {}

impl Characteristics {
    /// Characteristics of a module that speaks `versions`.
    #[must_use]
    pub const fn new(versions: Versions) -> Self {
        Self {
            header: Header::of::<Self>(super::VERSION),
            versions,
        }
    }
}
