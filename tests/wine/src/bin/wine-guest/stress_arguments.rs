// SPDX-License-Identifier: MIT OR Apache-2.0

//! The arguments of `nmr-stress.exe` that a run must know.

use std::path::Path;

use anyhow::{Context, Result};
use wine::Run;

/// The known arguments, and all others as options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StressArguments {
    tier: String,
    seed: u64,
    first: u64,
    cycles: u64,
    /// All other arguments.
    options: Vec<String>,
}

impl StressArguments {
    /// Reads `words`, each of the form `--name=value`.
    pub(crate) fn read(words: &[String]) -> Result<Self> {
        let mut options = words.to_vec();
        // The last one of a name counts.
        let mut take = |name: &str| {
            let prefix = format!("--{name}=");
            let mut value = None;
            options.retain(|word| {
                let matching = word.strip_prefix(&prefix);
                value = matching.map(str::to_owned).or(value.take());
                matching.is_none()
            });
            value
        };
        let (tier, seed, first, cycles) =
            (take("tier"), take("seed"), take("first"), take("cycles"));
        Ok(Self {
            // The default of the program.
            tier: tier.unwrap_or_else(|| "windows".to_owned()),
            seed: number("seed", seed)?,
            first: number("first", first.or_else(|| Some("0".to_owned())))?,
            cycles: number("cycles", cycles)?,
            options,
        })
    }

    /// The run of these images.
    pub(crate) fn run<'a>(&'a self, provider: &'a Path, client: &'a Path) -> Run<'a> {
        Run {
            provider,
            client,
            tier: &self.tier,
            seed: self.seed,
            first: self.first,
            cycles: self.cycles,
            options: &self.options,
        }
    }
}

fn number(name: &str, value: Option<String>) -> Result<u64> {
    let value = value.with_context(|| format!("--{name} is missing: add --{name}=NUMBER"))?;
    value
        .parse()
        .with_context(|| format!("--{name}={value} is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<StressArguments> {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        StressArguments::read(&words)
    }

    #[test]
    fn known_arguments_are_removed_from_the_options() {
        let arguments = read("--tier=vm --only=paired --seed=7 --events --first=5 --cycles=9");
        let arguments = arguments.expect("valid");
        let run = arguments.run(Path::new("p.sys"), Path::new("c.sys"));
        assert_eq!((run.tier, run.seed, run.first, run.cycles), ("vm", 7, 5, 9));
        assert_eq!(run.options, ["--only=paired", "--events"]);
    }

    #[test]
    fn a_missing_or_invalid_number_is_named() {
        let missing = read("--cycles=9").expect_err("no seed");
        assert!(missing.to_string().contains("--seed=NUMBER"), "{missing}");
        let wrong = read("--seed=1 --cycles=many").expect_err("no number");
        assert!(wrong.to_string().contains("--cycles=many"), "{wrong}");
    }
}
