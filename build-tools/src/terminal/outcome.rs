// SPDX-License-Identifier: MIT OR Apache-2.0

//! The outcome of a step of a command.

/// Exit status of a command that could not do its work.
pub(crate) const CANNOT: u8 = 2;

/// Outcome of a step that did its work and printed what is wrong. A command whose step is
/// not [`Done`](Self::Done) ends with the [`Verdict`](super::Verdict) that it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Outcome {
    /// Nothing is wrong.
    Done,
    /// A defect was found and reported.
    Found,
    /// A prerequisite is missing and was reported.
    Missing,
    /// Settings of the drivers are missing and were reported.
    Incomplete,
}
