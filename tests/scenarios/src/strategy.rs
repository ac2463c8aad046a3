// SPDX-License-Identifier: MIT OR Apache-2.0

//! Scheduling strategies, by name.

use std::fmt;
use std::str::FromStr;

/// How threads are scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Any thread, at every point or at one in some, as drawn for the cycle.
    #[default]
    Random,
    /// A thread runs until it waits.
    Run,
    /// Now and then a thread is held back until no other can run.
    Hold,
    /// The next thread in turn, at every point.
    Churn,
    /// Probabilistic concurrency testing: the thread with the highest priority,
    /// with priorities drawn and a few points at which the running thread's
    /// becomes the lowest.
    Pct,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Random, Self::Run, Self::Hold, Self::Churn, Self::Pct];
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Random => "random",
            Self::Run => "run",
            Self::Hold => "hold",
            Self::Churn => "churn",
            Self::Pct => "pct",
        })
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|strategy| strategy.to_string() == name);
        found.ok_or_else(|| {
            format!("`{name}` is no strategy: choose random, run, hold, churn or pct")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.to_string().parse(), Ok(strategy));
        }
        let error = "fair".parse::<Strategy>().expect_err("there is none");
        assert!(error.contains("`fair`"), "{error}");
    }
}
