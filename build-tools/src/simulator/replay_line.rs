// SPDX-License-Identifier: MIT OR Apache-2.0

//! The replay line: one word that stands for a cycle, printed with each finding.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A cycle to run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplayLine {
    pub(crate) seed: u64,
    pub(crate) cycle: u64,
    pub(crate) provider: Option<ImageSource>,
    pub(crate) client: Option<ImageSource>,
    /// The drivers that are loaded instead of a provider and a client, if any.
    pub(crate) drivers: Vec<ImageSource>,
    /// Options of the simulated kernel, in order.
    pub(crate) options: Vec<String>,
}

/// An image that overrides a driver of the pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ImageSource {
    File(PathBuf),
    /// A module of the zoo.
    Zoo(String),
}

impl ReplayLine {
    /// A cycle of the pair.
    pub(crate) const fn new(seed: u64, cycle: u64) -> Self {
        Self {
            seed,
            cycle,
            provider: None,
            client: None,
            drivers: Vec::new(),
            options: Vec::new(),
        }
    }

    /// The overrides of the provider and of the client.
    pub(crate) fn images(&self) -> impl Iterator<Item = Option<&ImageSource>> {
        [self.provider.as_ref(), self.client.as_ref()].into_iter()
    }

    /// Returns `true` if it says which kernel runs the cycle.
    pub(crate) fn names_kernel(&self) -> bool {
        let mut options = self.options.iter();
        options.any(|option| option.starts_with("--kernel="))
    }

    /// The simulated kernel's arguments, except the images.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let numbers = [("seed", self.seed), ("first", self.cycle)];
        let numbers = numbers.map(|(key, value)| format!("--{key}={value}"));
        numbers
            .into_iter()
            .chain(self.options.iter().cloned())
            .collect()
    }
}

impl fmt::Display for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Zoo(name) => write!(f, "zoo:{name}"),
        }
    }
}

impl fmt::Display for ReplayLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed={},cycle={}", self.seed, self.cycle)?;
        for (role, image) in ["provider", "client"].into_iter().zip(self.images()) {
            if let Some(image) = image {
                write!(f, ",{role}={image}")?;
            }
        }
        for driver in &self.drivers {
            write!(f, ",driver={driver}")?;
        }
        self.options
            .iter()
            .try_for_each(|option| write!(f, ",{}", option.trim_start_matches('-')))
    }
}

impl From<&str> for ImageSource {
    fn from(value: &str) -> Self {
        match value.strip_prefix("zoo:") {
            Some(name) => Self::Zoo(name.to_owned()),
            None => Self::File(value.into()),
        }
    }
}

impl FromStr for ReplayLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut seed = None;
        let mut cycle = None;
        let mut line = Self::new(0, 0);
        let number = |key: &str, value: &str| {
            let error = |_| format!("{key}={value} is not a number below 2^64");
            value.parse::<u64>().map(Some).map_err(error)
        };
        for pair in text.split(',') {
            match pair.split_once('=') {
                Some(("seed", value)) => seed = number("seed", value)?,
                Some(("cycle", value)) => cycle = number("cycle", value)?,
                Some(("provider", value)) => line.provider = Some(value.into()),
                Some(("client", value)) => line.client = Some(value.into()),
                Some(("driver", value)) => line.drivers.push(value.into()),
                _ => line.options.push(format!("--{pair}")),
            }
        }
        line.seed = seed.ok_or("the line has no seed: it looks like seed=7,cycle=3")?;
        line.cycle = cycle.ok_or("the line has no cycle: it looks like seed=7,cycle=3")?;
        if !line.drivers.is_empty() && line.images().any(|image| image.is_some()) {
            return Err("driver= does not go with provider= and client=: leave one out".to_owned());
        }
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
            "seed=7,cycle=3,driver=a/b.sys,driver=c.sys,may-refuse",
            "seed=0,cycle=18446744073709551615,client=c.sys,script=+p.-p,strategy=pct,preempt",
        ] {
            let line: ReplayLine = text.parse().expect("a line");
            assert_eq!(line.to_string(), text);
        }
    }

    #[test]
    fn other_keys_are_options_of_the_simulated_kernel() {
        let line: ReplayLine = "script=+p.-p,seed=1,cycle=2".parse().expect("a line");
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
            let error = text.parse::<ReplayLine>().expect_err("no line");
            assert!(error.contains(named), "{error}");
        }
    }
}
