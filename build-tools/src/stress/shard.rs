// SPDX-License-Identifier: MIT OR Apache-2.0

//! A share of a run's cycles, as `--shard I/N` asks for it, so that several machines can run
//! them.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, ensure};
use serde::{Deserialize, Serialize};

/// A share: number `index` of `count`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub(crate) index: u64,
    pub(crate) count: u64,
}

/// A share, and the cycles that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardOf {
    #[serde(flatten)]
    pub(crate) shard: Shard,
    /// The first cycle of the whole run.
    pub(crate) first: u64,
    /// The number of cycles of the whole run.
    pub(crate) cycles: u64,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (index, count) = text.split_once('/')?;
            Some(Self {
                index: index.parse().ok()?,
                count: count.parse().ok()?,
            })
        };
        let shard = parse().context("use I/N, such as 1/8 for the first of eight")?;
        ensure!(
            (1..=shard.count).contains(&shard.index),
            "shards are counted from 1: use I/N with I from 1 to N"
        );
        Ok(shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one() {
        let shard: Shard = "8/8".parse().expect("a shard");
        assert_eq!((shard.index, shard.count), (8, 8));
        assert_eq!(shard.to_string(), "8/8");
        for wrong in ["", "1", "0/8", "9/8", "1/0", "-1/8", "1/8/2", "a/b", "1/"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
