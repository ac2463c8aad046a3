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
        /// The versions of the NPI that the module supports.
        pub versions: Versions,
    }
}

const _: () = assert!(size_of::<Characteristics>() == 12);

impl Characteristics {
    /// Creates the characteristics of a module that supports `versions`.
    #[must_use]
    pub const fn new(versions: Versions) -> Self {
        Self {
            header: Header::of::<Self>(super::VERSION),
            versions,
        }
    }
}
