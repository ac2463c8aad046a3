// SPDX-License-Identifier: MIT OR Apache-2.0

//! The verdict of a command: a word, a sentence and the exit status. It is the last line
//! that the command prints.

use std::fmt;
use std::process::ExitCode;

use child::interrupt::INTERRUPTED;
use serde::Serialize;

use super::{CANNOT, Outcome, PROGRAM};

/// The word with which the last line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// All that was asked for was done, and nothing is wrong.
    Pass,
    /// Something is wrong in what was examined.
    Fail,
    /// Nothing is wrong as far as the drivers ran, but a driver uses something that the
    /// kernel that ran it does not provide.
    Unsupported,
    /// What was asked for did not happen, so that there is nothing to judge.
    NotTested,
    /// A prerequisite is missing.
    Missing,
    /// A signal ended the command: the sentence is about what was done until then.
    Interrupted,
}

impl Word {
    /// The exit status of a command that ends with this word.
    const fn status(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail | Self::NotTested => 1,
            Self::Unsupported | Self::Missing => CANNOT,
            Self::Interrupted => INTERRUPTED,
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Unsupported => "UNSUPPORTED",
            Self::NotTested => "NOT TESTED",
            Self::Missing => "MISSING",
            Self::Interrupted => "INTERRUPTED",
        })
    }
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Verdict {
    word: Word,
    sentence: String,
}

impl Verdict {
    /// A verdict; `sentence` becomes one line.
    pub(crate) fn new(word: Word, sentence: impl Into<String>) -> Self {
        Self {
            word,
            sentence: sentence.into().replace(['\r', '\n'], " "),
        }
    }

    pub(crate) fn pass(sentence: impl Into<String>) -> Self {
        Self::new(Word::Pass, sentence)
    }

    pub(crate) fn fail(sentence: impl Into<String>) -> Self {
        Self::new(Word::Fail, sentence)
    }

    /// Success of a command that only lists something: it judges nothing, and has no last
    /// line that a reader of the list would have to leave out.
    pub(crate) fn of_a_list() -> Self {
        Self::pass("")
    }

    pub(crate) const fn word(&self) -> Word {
        self.word
    }

    pub(crate) fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The last line, if the command has one.
    pub(crate) fn line(&self) -> Option<String> {
        (!self.sentence.is_empty()).then(|| self.to_string())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.word, self.sentence)
    }
}

/// The verdict of a command that ends because a step of it did; the step has printed why.
impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::of_a_list(),
            Outcome::Found => Self::fail("the errors above stop it: correct them, then retry"),
            Outcome::Incomplete => Self::new(
                Word::Missing,
                "settings of the drivers, named above: add each, then retry",
            ),
            Outcome::Missing => Self::new(
                Word::Missing,
                format!("prerequisites, named above: {PROGRAM} doctor lists all of them"),
            ),
        }
    }
}

impl From<&Verdict> for ExitCode {
    fn from(verdict: &Verdict) -> Self {
        verdict.word.status().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_begins_with_the_word() {
        let verdict = Verdict::new(Word::NotTested, "nothing attached");
        assert_eq!(
            verdict.line().as_deref(),
            Some("NOT TESTED  nothing attached")
        );
        assert_eq!(Verdict::of_a_list().line(), None);
    }
}
