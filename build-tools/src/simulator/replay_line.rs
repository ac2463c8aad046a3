// SPDX-License-Identifier: MIT OR Apache-2.0

//! The replay line: one word that stands for a cycle, printed with each finding.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use scenarios::{CycleFilter, Instances, RegistryValue, Tier};

use super::replay_keys::{self, Key};
use crate::terminal::nearest;

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
        Self::read(text).map_err(|why| printable(&why))
    }
}

impl ReplayLine {
    fn read(text: &str) -> Result<Self, String> {
        const REQUIRED: &str = "a line looks like seed=7,cycle=3";
        let mut line = Self::new(0, 0);
        let mut given: Vec<(&str, &str)> = Vec::new();
        let mut registry: Vec<(RegistryValue, &str)> = Vec::new();
        for (place, part) in text.split(',').enumerate() {
            if part.contains(char::is_control) {
                return Err(format!("`{part}` has a control character: remove it"));
            }
            let (name, value) = split(part, place, text)?;
            let key = replay_keys::find(name).ok_or_else(|| unknown(name))?;
            check(key, part, value)?;
            if let Some((_, first)) = given.iter().find(|(it, _)| *it == name)
                && !key.repeats
            {
                return Err(format!(
                    "`{name}` is given twice, in `{first}` and `{part}`: leave one out"
                ));
            }
            given.push((name, part));
            let value = value.unwrap_or_default();
            if name == "registry" {
                let value: RegistryValue = value.parse()?;
                if let Some((_, first)) =
                    registry.iter().find(|(it, _)| it.is_of_same_value(&value))
                {
                    return Err(format!(
                        "one registry value is given twice, in `{first}` and `{part}`: leave one out"
                    ));
                }
                registry.push((value, part));
            }
            let number = || value.parse().expect("it is checked");
            match name {
                "seed" => line.seed = number(),
                "cycle" => line.cycle = number(),
                "provider" => line.provider = Some(value.into()),
                "client" => line.client = Some(value.into()),
                "driver" => line.drivers.push(value.into()),
                _ => line.options.push(format!("--{part}")),
            }
        }
        let has = |name: &str| given.iter().any(|(it, _)| *it == name);
        if let Some(missing) = ["seed", "cycle"].into_iter().find(|name| !has(name)) {
            return Err(format!("the line has no {missing}: {REQUIRED}"));
        }
        let mut exclusive = replay_keys::EXCLUSIVE.into_iter();
        match exclusive.find(|(one, other)| has(one) && has(other)) {
            Some((one, other)) => Err(format!(
                "`{one}` does not go with `{other}`: leave one of them out"
            )),
            None => line.check_scenario(&given),
        }
    }

    /// Refuses a scenario that is impossible with these instances. A script decides both.
    fn check_scenario(self, given: &[(&str, &str)]) -> Result<Self, String> {
        let value = |name: &str| {
            let (_, part) = given.iter().find(|(it, _)| *it == name)?;
            part.split_once('=').map(|(_, value)| value)
        };
        let (Some(only), Some(instances)) = (value("only"), value("instances")) else {
            return Ok(self);
        };
        let filter = CycleFilter {
            tier: Tier::Sim,
            only: only.parse().ok(),
            framework: true,
            ..CycleFilter::from(instances.parse::<Instances>().ok())
        };
        if value("script").is_none() && self.drivers.is_empty() && !filter.is_possible() {
            return Err(format!(
                "`only={only}` does not go with `instances={instances}`: leave one of them out"
            ));
        }
        Ok(self)
    }
}

/// An error whose tokens can be shown: short, and with escapes for what nobody sees.
fn printable(error: &str) -> String {
    /// The longest word that is shown in full, and what is shown of others.
    const LONGEST: usize = 100;
    const SHOWN: usize = 60;
    let words = error.split(' ').map(|word| {
        let mut word = word.to_owned();
        if word.chars().count() > LONGEST {
            word = word.chars().take(SHOWN).chain("...`:".chars()).collect();
        }
        let escaped = word.chars().map(|char| match char {
            '\'' | '"' | '\\' => char.to_string(),
            _ => char.escape_debug().to_string(),
        });
        escaped.collect::<String>()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The key of a part of the line, and its value if it has one.
fn split<'a>(
    part: &'a str,
    place: usize,
    line: &str,
) -> Result<(&'a str, Option<&'a str>), String> {
    if line.is_empty() {
        return Err("the line is empty: it looks like seed=7,cycle=3".to_owned());
    }
    if part.is_empty() {
        return Err(match place {
            0 => "the line begins with a comma: remove it".to_owned(),
            _ if line.ends_with(',') => "the line ends with a comma: remove it".to_owned(),
            _ => format!("part {} of the line is empty: remove a comma", place + 1),
        });
    }
    match part.split_once('=') {
        Some((name, value)) => Ok((name, Some(value))),
        None => Ok((part, None)),
    }
}

/// Refuses a value that the key does not take.
fn check(key: &Key, part: &str, value: Option<&str>) -> Result<(), String> {
    let Key { name, .. } = key;
    match (key.value, value) {
        ("", None) => Ok(()),
        ("", Some(_)) => Err(format!("`{part}`: {name} takes no value")),
        (form, None | Some("")) => Err(format!("`{part}` has no value: write {name}={form}")),
        (_, Some(value)) => (key.check)(value).map_err(|why| format!("`{part}`: {why}")),
    }
}

/// Refuses an unknown key.
fn unknown(name: &str) -> String {
    let names = || replay_keys::KEYS.iter().map(|key| key.name);
    let near = nearest(name, names());
    match near[..] {
        [] => {
            let names: Vec<_> = names().collect();
            format!("`{name}` is no key: the keys are {}", names.join(", "))
        }
        [first, ..] => format!("`{name}` is no key: is it {first}?"),
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
            "seed=7,cycle=3,registry=c:A=1,registry=c:B=2,ignore=R1,ignore=0xC4@f,without=gate",
            "seed=0,cycle=18446744073709551614,client=c.sys,script=+p.-p,strategy=pct,preempt",
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
}
