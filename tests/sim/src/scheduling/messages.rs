// SPDX-License-Identifier: MIT OR Apache-2.0

//! The messages that drivers print for a debugger: part of the course of a cycle, or passed over.

/// The messages of a cycle, or of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Messages {
    are_passed_over: bool,
    hash: u64,
}

impl Messages {
    /// Those of a cycle whose course they are no part of.
    pub(crate) const fn passed_over() -> Self {
        Self {
            are_passed_over: true,
            hash: 0,
        }
    }

    /// Returns `true` if they are no part of the course of the cycle.
    pub(crate) const fn are_passed_over(self) -> bool {
        self.are_passed_over
    }

    /// Adds one to the hash, if they are passed over.
    pub(crate) fn add(&mut self, text: &str) {
        if self.are_passed_over {
            for byte in text.bytes() {
                self.add_number(byte.into());
            }
            self.add_number(u64::MAX);
        }
    }

    /// Adds a number to the hash, such as that of a cycle to that of its run.
    pub(crate) fn add_number(&mut self, number: u64) {
        const PRIME: u64 = 0x0100_0000_01B3;
        self.hash = (self.hash ^ number).wrapping_mul(PRIME).rotate_left(7);
    }

    /// A hash of what was added.
    pub(crate) const fn hash(self) -> u64 {
        self.hash
    }
}
