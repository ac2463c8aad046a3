// SPDX-License-Identifier: MIT OR Apache-2.0

//! The characteristics of a module of Echo, and the negotiation between two modules.

use super::capabilities::Capabilities;
use nmr::header::Header;
use nmr::layout::Check;
use nmr::versions::Versions;
use nmr::{NtStatus, Result};

nmr::c_struct! {
    /// The `NpiSpecificCharacteristics` of either side.
    #[derive(Clone, Copy, Debug)]
    pub struct Characteristics: Check::SIZE_FIRST {
        /// Size and version of this structure.
        pub header: Header,
        /// The versions of Echo that the module supports.
        pub versions: Versions,
        /// The capabilities of the module.
        pub offered: Capabilities,
        /// The capabilities that the peer must have.
        pub required: Capabilities,
    }
}

const _: () = assert!(size_of::<Characteristics>() == 20);

/// The version and the capabilities that two modules have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The highest version of Echo that both support.
    pub version: u16,
    /// The capabilities that both offer.
    pub capabilities: Capabilities,
}

impl Agreement {
    /// Returns `true` if both modules offer `capability`.
    pub(super) const fn has(self, capability: Capabilities) -> bool {
        self.capabilities.contains(capability)
    }

    /// Returns `true` if the function of `capability` is `present`, or the capability was
    /// not agreed on.
    pub(super) const fn backed_by(self, capability: Capabilities, present: bool) -> bool {
        present || !self.has(capability)
    }
}

impl Characteristics {
    /// Creates the characteristics of a module that supports versions `lowest` to `highest`.
    #[must_use]
    pub const fn new(
        lowest: u16,
        highest: u16,
        offered: Capabilities,
        required: Capabilities,
    ) -> Self {
        Self {
            header: Header::of::<Self>(super::VERSION),
            versions: Versions::new(lowest, highest),
            offered,
            required,
        }
    }

    /// Returns the highest common version and the common capabilities. Both sides get the
    /// same result. Any IRQL.
    ///
    /// # Errors
    ///
    /// `STATUS_NOINTERFACE` if there is no common version, or one side requires a capability
    /// that the other does not offer.
    pub fn negotiate(&self, peer: &Self) -> Result<Agreement> {
        let version = self.versions.common(peer.versions)?;
        if !peer.offered.contains(self.required) || !self.offered.contains(peer.required) {
            return Err(NtStatus::NOINTERFACE);
        }
        Ok(Agreement {
            version,
            capabilities: self.offered & peer.offered,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Agreement, Capabilities, Characteristics};
    use nmr::NtStatus;

    const NONE: Capabilities = Capabilities::empty();

    fn versions(lowest: u16, highest: u16) -> Characteristics {
        Characteristics::new(lowest, highest, Capabilities::KNOWN, NONE)
    }

    fn abilities(offered: Capabilities, required: Capabilities) -> Characteristics {
        Characteristics::new(1, 1, offered, required)
    }

    /// Negotiates from both sides, whose results must be equal.
    fn negotiate(a: &Characteristics, b: &Characteristics) -> nmr::Result<Agreement> {
        let result = a.negotiate(b);
        assert_eq!(result, b.negotiate(a));
        result
    }

    #[test]
    fn capabilities_are_those_of_both() {
        let a = abilities(Capabilities::CANCEL | Capabilities::NOTIFY, NONE);
        let b = abilities(Capabilities::CANCEL | Capabilities::STATISTICS, NONE);
        let agreement = negotiate(&a, &b);
        assert_eq!(
            agreement,
            Ok(Agreement {
                version: 1,
                capabilities: Capabilities::CANCEL
            })
        );
    }

    #[test]
    fn a_missing_requirement_refuses() {
        let demanding = abilities(Capabilities::KNOWN, Capabilities::STATISTICS);
        let simple = abilities(NONE, NONE);
        assert_eq!(negotiate(&demanding, &simple), Err(NtStatus::NOINTERFACE));
        assert!(negotiate(&demanding, &demanding).is_ok());
    }

    #[test]
    fn an_unknown_bit_is_ignored_when_offered_and_refuses_when_required() {
        let unknown = Capabilities::from_bits_retain(1 << 31);
        let newer = abilities(Capabilities::KNOWN | unknown, NONE);
        assert_eq!(
            negotiate(&newer, &versions(1, 1)).map(|agreement| agreement.capabilities),
            Ok(Capabilities::KNOWN)
        );
        let strict = abilities(Capabilities::KNOWN | unknown, unknown);
        assert_eq!(
            negotiate(&strict, &versions(1, 1)),
            Err(NtStatus::NOINTERFACE)
        );
    }
}
