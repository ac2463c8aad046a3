// SPDX-License-Identifier: MIT OR Apache-2.0

//! A written schedule: the thread that runs at each of the scheduler's decisions,
//! where it differs from the default.
//!
//! By default a thread runs until it waits, and then the next thread in turn. So a schedule
//! contains only the deviations from that, and can be reduced to those that a failure needs.
//! Its text is `12:3.57:1` for thread 3 at decision 12 and thread 1 at decision 57, or `none`
//! if it is empty. Decisions are in ascending order, without repetition.

use std::fmt;
use std::str::FromStr;

/// A schedule: decisions in ascending order, each with its thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule(Vec<(u64, usize)>);

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

    /// The thread that it names at a decision.
    #[must_use]
    pub fn at(&self, decision: u64) -> Option<usize> {
        let place = self.place(decision).ok()?;
        Some(self.0[place].1)
    }

    /// The first of its decisions that is not before this one, and the thread.
    #[must_use]
    pub fn first_from(&self, decision: u64) -> Option<(u64, usize)> {
        let (Ok(place) | Err(place)) = self.place(decision);
        self.0.get(place).copied()
    }

    /// Adds a decision, or changes it.
    pub fn put(&mut self, decision: u64, thread: usize) {
        match self.place(decision) {
            Ok(place) => self.0[place].1 = thread,
            Err(place) => self.0.insert(place, (decision, thread)),
        }
    }

    /// Where a decision is, or would be.
    fn place(&self, decision: u64) -> Result<usize, usize> {
        // A cycle adds its decisions in their order.
        match self.0.last() {
            Some(&(last, _)) if last < decision => Err(self.0.len()),
            _ => self.0.binary_search_by_key(&decision, |&(it, _)| it),
        }
    }

    /// All but the decisions with these places in it.
    #[must_use]
    pub fn without(&self, places: std::ops::Range<usize>) -> Self {
        let kept = self.0.iter().enumerate();
        let kept = kept.filter(|(place, _)| !places.contains(place));
        Self(kept.map(|(_, &made)| made).collect())
    }
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

/// A parse error: the offending decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WrongSchedule {
    /// It is no decision.
    Unreadable(String),
    /// It does not come after the one before it.
    OutOfOrder {
        /// The decision.
        decision: String,
        /// The one before it.
        before: u64,
    },
}

impl fmt::Display for WrongSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(part) => write!(
                f,
                "`{part}` is no decision: a schedule is like 12:3.57:1, thread 3 at decision 12 \
                 and thread 1 at decision 57, or none"
            ),
            Self::OutOfOrder { decision, before } => write!(
                f,
                "`{decision}` comes after decision {before}: write each decision once, in order"
            ),
        }
    }
}

impl std::error::Error for WrongSchedule {}

impl FromStr for Schedule {
    type Err = WrongSchedule;

    fn from_str(text: &str) -> Result<Self, WrongSchedule> {
        let mut schedule = Self::default();
        if text == "none" {
            return Ok(schedule);
        }
        for part in text.split('.') {
            let (decision, thread) =
                parse(part).ok_or_else(|| WrongSchedule::Unreadable(part.to_owned()))?;
            if let Some(&(before, _)) = schedule.0.last()
                && before >= decision
            {
                return Err(WrongSchedule::OutOfOrder {
                    decision: part.to_owned(),
                    before,
                });
            }
            schedule.put(decision, thread);
        }
        Ok(schedule)
    }
}

/// A decision and its thread.
fn parse(part: &str) -> Option<(u64, usize)> {
    let (decision, thread) = part.split_once(':')?;
    let is_number = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    (is_number(decision) && is_number(thread))
        .then(|| Some((decision.parse().ok()?, thread.parse().ok()?)))?
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
        for (text, named) in [
            ("", "``"),
            ("12", "`12`"),
            ("12:", "`12:`"),
            ("a:1", "`a:1`"),
            ("1:1.+2:1", "`+2:1`"),
            ("12:3,57:1", "`12:3,57:1`"),
            ("12:3.", "``"),
            ("57:1.12:3", "`12:3` comes after decision 57"),
            ("12:3.12:4", "`12:4` comes after decision 12"),
        ] {
            let error = text.parse::<Schedule>().expect_err("no plan");
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn decisions_can_be_left_out() {
        let plan: Schedule = "1:1.2:2.3:3".parse().expect("a plan");
        assert_eq!(plan.without(0..2).to_string(), "3:3");
        assert_eq!(plan.without(0..3).to_string(), "none");
        assert_eq!(plan.len(), 3);
        assert_eq!(plan.first_from(2), Some((2, 2)));
        assert_eq!(plan.first_from(4), None);
    }
}
