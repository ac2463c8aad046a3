// SPDX-License-Identifier: MIT OR Apache-2.0

//! A written schedule: the thread that runs at each of the scheduler's decisions,
//! where it differs from the default.
//!
//! By default a thread runs until it waits, and then the next one in turn. So a
//! schedule holds only its deviations, and can be reduced to those that a failure
//! needs. In text it is `12:3.57:1`: thread 3 at decision 12, thread 1 at decision 57;
//! `none` if it is empty.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule(BTreeMap<u64, usize>);

impl Schedule {
    /// The number of decisions it makes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if it leaves everything to itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn at(&self, decision: u64) -> Option<usize> {
        self.0.get(&decision).copied()
    }

    pub(crate) fn put(&mut self, decision: u64, thread: usize) {
        self.0.insert(decision, thread);
    }

    /// All but the decisions with these places in it.
    pub(crate) fn without(&self, places: std::ops::Range<usize>) -> Self {
        let kept = self.0.iter().enumerate();
        let kept = kept.filter(|(place, _)| !places.contains(place));
        Self(
            kept.map(|(_, (&decision, &thread))| (decision, thread))
                .collect(),
        )
    }
}

/// The thread that runs next if the schedule names none.
pub(crate) fn by_itself(ready: &[usize], current: usize) -> Option<usize> {
    let later = ready.iter().find(|&&thread| thread > current);
    later.or(ready.first()).copied()
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (place, (decision, thread)) in self.0.iter().enumerate() {
            let between = if place == 0 { "" } else { "." };
            write!(f, "{between}{decision}:{thread}")?;
        }
        Ok(())
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::default());
        }
        let pair = |pair: &str| {
            let (decision, thread) = pair.split_once(':')?;
            Some((decision.parse().ok()?, thread.parse().ok()?))
        };
        let pairs: Option<_> = text.split('.').map(pair).collect();
        pairs.map(Self).ok_or_else(|| {
            format!("`{text}` is no schedule: a schedule is like 12:3.57:1, or none")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        for text in ["none", "12:3", "12:3.57:1"] {
            let plan: Schedule = text.parse().expect("a plan");
            assert_eq!(plan.to_string(), text);
        }
        for text in ["", "12", "12:", "a:1", "12:3,57:1"] {
            let error = text.parse::<Schedule>().expect_err("no plan");
            assert!(error.contains("a schedule is like"), "{error}");
        }
    }

    #[test]
    fn decisions_can_be_left_out() {
        let plan: Schedule = "1:1.2:2.3:3".parse().expect("a plan");
        assert_eq!(plan.without(0..2).to_string(), "3:3");
        assert_eq!(plan.without(0..3).to_string(), "none");
        assert_eq!(plan.len(), 3);
    }
}
