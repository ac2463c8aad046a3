// SPDX-License-Identifier: MIT OR Apache-2.0

//! Replay lines, read and written.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What to run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) seed: u64,
    pub(crate) cycle: u64,
    pub(crate) provider: Option<Image>,
    pub(crate) client: Option<Image>,
    /// Options of the simulated kernel, in their order.
    pub(crate) options: Vec<String>,
}

/// An image other than the driver built here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    File(PathBuf),
    /// A module of the zoo.
    Zoo(String),
}

impl Line {
    /// The line of a cycle of the drivers built here.
    pub(crate) const fn new(seed: u64, cycle: u64) -> Self {
        Self {
            seed,
            cycle,
            provider: None,
            client: None,
            options: Vec::new(),
        }
    }

    /// The provider's image and the client's.
    pub(crate) fn images(&self) -> impl Iterator<Item = Option<&Image>> {
        [self.provider.as_ref(), self.client.as_ref()].into_iter()
    }

    /// What it stands for, but for the images.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let numbers = [("seed", self.seed), ("first", self.cycle)];
        let numbers = numbers.map(|(key, value)| format!("--{key}={value}"));
        numbers
            .into_iter()
            .chain(self.options.iter().cloned())
            .collect()
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Zoo(name) => write!(f, "zoo:{name}"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed={},cycle={}", self.seed, self.cycle)?;
        for (role, image) in ["provider", "client"].into_iter().zip(self.images()) {
            if let Some(image) = image {
                write!(f, ",{role}={image}")?;
            }
        }
        self.options
            .iter()
            .try_for_each(|option| write!(f, ",{}", option.trim_start_matches('-')))
    }
}

impl From<&str> for Image {
    fn from(value: &str) -> Self {
        match value.strip_prefix("zoo:") {
            Some(name) => Self::Zoo(name.to_owned()),
            None => Self::File(value.into()),
        }
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut seed = None;
        let mut cycle = None;
        let mut line = Self::new(0, 0);
        let number = |key: &str, value: &str| {
            let error = |_| format!("{key}={value} is no number below 2^64");
            value.parse::<u64>().map(Some).map_err(error)
        };
        for pair in text.split(',') {
            match pair.split_once('=') {
                Some(("seed", value)) => seed = number("seed", value)?,
                Some(("cycle", value)) => cycle = number("cycle", value)?,
                Some(("provider", value)) => line.provider = Some(value.into()),
                Some(("client", value)) => line.client = Some(value.into()),
                _ => line.options.push(format!("--{pair}")),
            }
        }
        line.seed = seed.ok_or("it names no seed: a line is like seed=7,cycle=3")?;
        line.cycle = cycle.ok_or("it names no cycle: a line is like seed=7,cycle=3")?;
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        for text in [
            "seed=7,cycle=3",
            "seed=7,cycle=3,provider=a/b.sys,client=zoo:leak",
            "seed=0,cycle=18446744073709551615,client=c.sys,script=+p.-p,strategy=pct,preempt",
        ] {
            let line: Line = text.parse().expect("a line");
            assert_eq!(line.to_string(), text);
        }
    }

    #[test]
    fn other_keys_are_options_of_the_simulated_kernel() {
        let line: Line = "script=+p.-p,seed=1,cycle=2".parse().expect("a line");
        assert_eq!(
            line.arguments(),
            ["--seed=1", "--first=2", "--script=+p.-p"]
        );
    }

    #[test]
    fn what_is_missing_or_no_number_is_named() {
        for (text, named) in [
            ("", "no seed"),
            ("seed=1", "no cycle"),
            ("cycle=1", "no seed"),
            ("seed=x,cycle=1", "seed=x"),
            ("seed=1,cycle=-1", "cycle=-1"),
        ] {
            let error = text.parse::<Line>().expect_err("no line");
            assert!(error.contains(named), "{error}");
        }
    }
}
