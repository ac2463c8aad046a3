// SPDX-License-Identifier: MIT OR Apache-2.0

//! Overlapping deregistrations, which were pending at the same time.
//!
//! A deregistration is pending from the call of `NmrDeregister...` until that call returns
//! a status other than `STATUS_PENDING`, or until the wait for it has returned.

/// The deregistrations that are pending, each with its owner.
#[derive(Clone, Debug)]
pub struct Overlap<Owner>(Vec<(u64, Owner)>);

/// What a deregistration met that were pending when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// Some other one.
    pub any: bool,
    /// Some other one of the same owner.
    pub own: bool,
}

impl<Owner> Default for Overlap<Owner> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<Owner: PartialEq> Overlap<Owner> {
    /// The deregistration of a registration begins.
    pub fn begin(&mut self, registration: u64, owner: Owner) -> Met {
        let others = || self.0.iter().filter(|(other, _)| *other != registration);
        let met = Met {
            any: others().next().is_some(),
            own: others().any(|(_, by)| *by == owner),
        };
        self.end(registration);
        self.0.push((registration, owner));
        met
    }

    /// It is over.
    pub fn end(&mut self, registration: u64) {
        self.0.retain(|(pending, _)| *pending != registration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Met = Met {
        any: false,
        own: false,
    };

    #[test]
    fn one_after_the_other_meets_nobody() {
        let mut overlap = Overlap::default();
        for registration in 1..4 {
            assert_eq!(overlap.begin(registration, "provider"), NOBODY);
            overlap.end(registration);
        }
    }

    #[test]
    fn those_of_the_same_driver_are_told_from_others() {
        let mut overlap = Overlap::default();
        assert_eq!(overlap.begin(1, "provider"), NOBODY);
        let other = Met {
            any: true,
            ..NOBODY
        };
        assert_eq!(overlap.begin(2, "client"), other);
        let both = Met {
            any: true,
            own: true,
        };
        assert_eq!(overlap.begin(3, "client"), both);
        overlap.end(1);
        overlap.end(3);
        assert_eq!(overlap.begin(4, "provider"), other);
    }

    #[test]
    fn the_same_one_again_does_not_meet_itself() {
        let mut overlap = Overlap::default();
        overlap.begin(1, "provider");
        assert_eq!(overlap.begin(1, "provider"), NOBODY);
    }
}
