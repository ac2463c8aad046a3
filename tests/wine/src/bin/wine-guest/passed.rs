// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line of `nmr-stress.exe`, as far as a run must know it.

use std::path::Path;

use anyhow::{Context, Result};
use wine::Run;

/// What is known of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    tier: String,
    seed: u64,
    first: u64,
    cycles: u64,
    /// All else.
    options: Vec<String>,
}

impl Passed {
    /// Reads `words`, each of the form `--name=value`.
    pub(crate) fn read(words: &[String]) -> Result<Self> {
        let mut options = words.to_vec();
        // The last one counts.
        let mut take = |name: &str| {
            let prefix = format!("--{name}=");
            let mut value = None;
            options.retain(|word| {
                let given = word.strip_prefix(&prefix);
                value = given.map(str::to_owned).or(value.take());
                given.is_none()
            });
            value
        };
        let (tier, seed, first, cycles) =
            (take("tier"), take("seed"), take("first"), take("cycles"));
        Ok(Self {
            // As the program has it.
            tier: tier.unwrap_or_else(|| "windows".to_owned()),
            seed: number("seed", seed)?,
            first: number("first", first.or_else(|| Some("0".to_owned())))?,
            cycles: number("cycles", cycles)?,
            options,
        })
    }

    /// The run of these images that is asked for.
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
        .with_context(|| format!("--{name}={value} is wrong: give a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Passed> {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        Passed::read(&words)
    }

    #[test]
    fn what_a_run_knows_is_taken_out() {
        let passed = read("--tier=vm --only=paired --seed=7 --events --first=5 --cycles=9");
        let passed = passed.expect("right");
        let run = passed.run(Path::new("p.sys"), Path::new("c.sys"));
        assert_eq!((run.tier, run.seed, run.first, run.cycles), ("vm", 7, 5, 9));
        assert_eq!(run.options, ["--only=paired", "--events"]);
    }

    #[test]
    fn what_is_missing_or_no_number_is_named() {
        let missing = read("--cycles=9").expect_err("no seed");
        assert!(missing.to_string().contains("--seed=NUMBER"), "{missing}");
        let wrong = read("--seed=1 --cycles=many").expect_err("no number");
        assert!(wrong.to_string().contains("--cycles=many"), "{wrong}");
    }
}
