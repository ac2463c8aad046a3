// SPDX-License-Identifier: MIT OR Apache-2.0

//! Answers that are fixed, and their text.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use crate::knob::Knob;

/// The answers to all knobs: some may be fixed, the rest are drawn.
///
/// As text, the fixed ones: `DetachOrder:1+CleanupOrder:0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Knobs {
    fixed: [Option<u32>; Knob::ALL.len()],
}

impl Knobs {
    /// Nothing is fixed.
    pub const DRAWN: Self = Self {
        fixed: [None; Knob::ALL.len()],
    };

    /// Answer 0 to everything.
    pub const FIRST: Self = Self {
        fixed: [Some(0); Knob::ALL.len()],
    };

    /// Fixes a knob, or lets it be drawn again.
    ///
    /// # Panics
    ///
    /// If the knob has no such answer.
    pub fn set(&mut self, knob: Knob, answer: Option<u32>) {
        assert!(
            answer.is_none_or(|answer| answer < knob.answers()),
            "{knob} has {} answers",
            knob.answers()
        );
        self.fixed[knob as usize] = answer;
    }

    /// These answers, and those of `others` where these fix none.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        let mut both = self;
        for (mine, other) in both.fixed.iter_mut().zip(others.fixed) {
            *mine = mine.or(other);
        }
        both
    }

    /// The answer to `knob`, if it is fixed.
    #[must_use]
    pub const fn fixed(&self, knob: Knob) -> Option<u32> {
        self.fixed[knob as usize]
    }

    /// The answer to `knob`: `drawn` is asked for one unless it is fixed.
    pub fn answer(&self, knob: Knob, drawn: impl FnOnce() -> u32) -> u32 {
        self.fixed[knob as usize].unwrap_or_else(drawn)
    }
}

impl fmt::Display for Knobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fixed = Knob::ALL
            .iter()
            .filter_map(|&knob| Some((knob, self.fixed[knob as usize]?)));
        for (index, (knob, answer)) in fixed.enumerate() {
            let joint = if index == 0 { "" } else { "+" };
            write!(f, "{joint}{knob}:{answer}")?;
        }
        Ok(())
    }
}

/// Why a text is not [`Knobs`], and what would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKnob(String);

impl fmt::Display for UnknownKnob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is no KNOB:ANSWER; there are", self.0)?;
        for (index, knob) in Knob::ALL.iter().enumerate() {
            let joint = if index == 0 { " " } else { ", " };
            write!(f, "{joint}{knob}:0-{}", knob.answers() - 1)?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownKnob {}

impl FromStr for Knobs {
    type Err = UnknownKnob;

    fn from_str(text: &str) -> Result<Self, UnknownKnob> {
        let mut knobs = Self::DRAWN;
        for word in text.split('+').filter(|word| !word.is_empty()) {
            let (knob, answer) = fixed(word).ok_or_else(|| UnknownKnob(word.into()))?;
            knobs.set(knob, Some(answer));
        }
        Ok(knobs)
    }
}

fn fixed(word: &str) -> Option<(Knob, u32)> {
    let (name, answer) = word.split_once(':')?;
    let knob = Knob::ALL
        .into_iter()
        .find(|knob| knob.to_string() == name)?;
    let answer = answer.parse().ok()?;
    (answer < knob.answers()).then_some((knob, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knobs_are_their_own_text() {
        let mut knobs = Knobs::DRAWN;
        assert_eq!("".parse(), Ok(knobs));
        knobs.set(Knob::HandleOnFailure, Some(2));
        knobs.set(Knob::DetachOrder, Some(1));
        let text = knobs.to_string();
        assert_eq!(text, "DetachOrder:1+HandleOnFailure:2");
        assert_eq!(text.parse(), Ok(knobs));
        assert_eq!(knobs.answer(Knob::DetachOrder, || 0), 1);
        assert_eq!(knobs.answer(Knob::CleanupOrder, || 7), 7);
    }

    #[test]
    fn what_is_fixed_comes_first() {
        let all = |text: &str| text.parse::<Knobs>().expect("knobs");
        let both = all("DetachOrder:1").or(all("DetachOrder:0+CleanupOrder:1"));
        assert_eq!(both, all("DetachOrder:1+CleanupOrder:1"));
    }

    #[test]
    fn a_wrong_word_is_named_with_what_there_is() {
        for wrong in ["Detach:1", "DetachOrder", "DetachOrder:2", "DetachOrder:x"] {
            let error = wrong.parse::<Knobs>().unwrap_err().to_string();
            assert!(
                error.contains(wrong) && error.contains("HandleOnFailure:0-2"),
                "{error}"
            );
        }
    }
}
