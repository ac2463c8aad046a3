// SPDX-License-Identifier: MIT OR Apache-2.0

//! Histograms of a run's measurements: durations in virtual time, and numbers of calls.
//!
//! The buckets double: one for 0, one for 1, one for 2 and 3, one for 4 to 7, and so on.
//! So a histogram is small whatever it counts, and those of a run's parts add up exactly.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// A histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// The number of values in each bucket, from the one for 0 to the last that has any.
    buckets: Vec<u64>,
    /// The sum of all values.
    sum: u64,
    /// The largest value.
    max: u64,
}

/// The bucket of a value.
const fn bucket(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()) as usize
}

/// The values of a bucket.
const fn values(bucket: usize) -> RangeInclusive<u64> {
    match bucket {
        0 => 0..=0,
        _ => 1 << (bucket - 1)..=u64::MAX >> (u64::BITS as usize - bucket),
    }
}

impl Histogram {
    /// Adds a value.
    pub fn add(&mut self, value: u64) {
        let bucket = bucket(value);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.sum = self.sum.saturating_add(value);
        self.max = self.max.max(value);
    }

    /// Adds the values of another one.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (own, others) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += others;
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// Returns `true` if it has no value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of all values.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest value.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// The mean, rounded down; 0 if there is no value.
    #[must_use]
    pub fn mean(&self) -> u64 {
        self.sum.checked_div(self.count()).unwrap_or_default()
    }

    /// The values of each bucket and how many there are, from the first bucket that has
    /// any to the last.
    pub fn buckets(&self) -> impl Iterator<Item = (RangeInclusive<u64>, u64)> {
        let counts = self.buckets.iter().enumerate();
        let counts = counts.skip_while(|(_, count)| **count == 0);
        counts.map(|(bucket, count)| (values(bucket), *count))
    }
}

/// The histograms of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histograms {
    /// The duration of a cycle, in microseconds of virtual time.
    pub cycle_us: Histogram,
    /// The time from the call of a detach callback until that side has completed its
    /// detach, in microseconds of virtual time.
    pub detach_us: Histogram,
    /// The duration of a wait for the end of a deregistration, in microseconds of
    /// virtual time.
    pub wait_us: Histogram,
    /// The calls of a side into its peer that are in flight when its detach callback is
    /// called.
    pub in_flight_at_detach: Histogram,
}

impl Histograms {
    /// Adds the values of another part of the run.
    pub fn merge(&mut self, other: &Self) {
        self.cycle_us.merge(&other.cycle_us);
        self.detach_us.merge(&other.detach_us);
        self.wait_us.merge(&other.wait_us);
        self.in_flight_at_detach.merge(&other.in_flight_at_detach);
    }

    /// Returns `true` if nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_in_the_bucket_that_names_it() {
        for value in [0, 1, 2, 3, 4, 7, 8, 1000, u64::MAX / 2 + 1, u64::MAX] {
            assert!(values(bucket(value)).contains(&value), "{value}");
        }
        for next in 1..=64 {
            assert_eq!(values(next - 1).end() + 1, *values(next).start());
        }
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let of = |values: &[u64]| {
            let mut histogram = Histogram::default();
            for value in values {
                histogram.add(*value);
            }
            histogram
        };
        let whole = of(&[3, 0, 900, 2]);
        for (one, other) in [
            (&[3, 0][..], &[900, 2][..]),
            (&[900, 2, 0], &[3]),
            (&[], &[3, 0, 900, 2]),
        ] {
            let mut merged = of(one);
            merged.merge(&of(other));
            assert_eq!(merged, whole);
        }
        assert_eq!((whole.count(), whole.max(), whole.mean()), (4, 900, 226));
        let buckets: Vec<_> = of(&[3, 9, 2]).buckets().collect();
        assert_eq!(buckets, [(2..=3, 2), (4..=7, 0), (8..=15, 1)]);
        assert!(of(&[]).is_empty());
        assert_eq!(of(&[]).mean(), 0);
    }
}
