// SPDX-License-Identifier: MIT OR Apache-2.0

//! The characteristics of a module of Echo telemetry.

use nmr::header::Header;
use nmr::layout::Check;
use nmr::versions::Versions;

nmr::c_struct! {
    /// The `NpiSpecificCharacteristics` of either side.
    #[derive(Clone, Copy, Debug)]
    pub struct Characteristics: Check::SIZE_FIRST {
        /// Size and version of this structure.
        pub header: Header,
        /// The versions of the interface that the module speaks.
        pub versions: Versions,
    }
}

const _: () = assert!(size_of::<Characteristics>() == 12);

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
