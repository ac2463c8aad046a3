// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ranges of versions of an interface, and the highest version that two modules have
//! in common.

use crate::{NtStatus, Result};

crate::c_struct! {
    /// A range of versions.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Versions {
        /// The lowest version, from 1.
        pub lowest: u16,
        /// The highest version.
        pub highest: u16,
    }
}

impl Versions {
    /// Creates the range of versions from `lowest` to `highest`.
    #[must_use]
    pub const fn new(lowest: u16, highest: u16) -> Self {
        Self { lowest, highest }
    }

    /// Returns the highest version that both support. Both sides get the same result.
    ///
    /// # Errors
    ///
    /// `STATUS_NOINTERFACE` if there is none.
    pub fn common(self, peer: Self) -> Result<u16> {
        let highest = self.highest.min(peer.highest);
        let lowest = self.lowest.max(peer.lowest).max(1);
        if highest < lowest {
            return Err(NtStatus::NOINTERFACE);
        }
        Ok(highest)
    }
}

#[cfg(test)]
mod tests {
    use super::Versions;
    use crate::NtStatus;

    /// Negotiates from both sides, whose results must be equal.
    fn common(a: (u16, u16), b: (u16, u16)) -> crate::Result<u16> {
        let (a, b) = (Versions::new(a.0, a.1), Versions::new(b.0, b.1));
        let result = a.common(b);
        assert_eq!(result, b.common(a));
        result
    }

    #[test]
    fn the_highest_common_version_wins() {
        for (a, b, version) in [
            ((1, 1), (1, 1), 1),
            ((1, 3), (2, 5), 3),
            ((2, 9), (4, 4), 4),
        ] {
            assert_eq!(common(a, b), Ok(version));
        }
    }

    #[test]
    fn ranges_without_overlap_refuse() {
        for (a, b) in [
            ((1, 1), (2, 2)),
            ((1, 3), (4, 5)),
            ((3, 2), (1, 9)),
            ((0, 0), (0, 5)),
        ] {
            assert_eq!(common(a, b), Err(NtStatus::NOINTERFACE));
        }
    }
}
