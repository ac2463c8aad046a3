// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a command ended.

use std::process::ExitCode;

/// The exit status of a command that could not do its work.
pub(crate) const CANNOT: u8 = 2;

/// How a command ended that did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Outcome {
    /// All is well.
    Done,
    /// Something is wrong with what was examined; the command has said what.
    Found,
    /// A part is missing; the command has said which.
    Missing,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Found => Self::from(1),
            Outcome::Missing => Self::from(CANNOT),
        }
    }
}
