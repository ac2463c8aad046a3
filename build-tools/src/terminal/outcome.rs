// SPDX-License-Identifier: MIT OR Apache-2.0

//! The outcome of a command, and its exit status.

use std::process::ExitCode;

/// Exit status of a command that could not do its work.
pub(crate) const CANNOT: u8 = 2;

/// Outcome of a command that did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Outcome {
    /// Nothing is wrong.
    Done,
    /// A defect was found and reported.
    Found,
    /// A prerequisite is missing and was reported.
    Missing,
    /// Something that a driver does is not provided by the kernel that ran it, and was
    /// reported.
    Unsupported,
}

impl Outcome {
    /// `Done` if `passed`, else `Found`.
    pub(crate) const fn passed_if(passed: bool) -> Self {
        if passed { Self::Done } else { Self::Found }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Found => Self::from(1),
            Outcome::Missing | Outcome::Unsupported => Self::from(CANNOT),
        }
    }
}
