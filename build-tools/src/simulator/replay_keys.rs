// SPDX-License-Identifier: MIT OR Apache-2.0

//! The keys of a replay line: what each means, which values it takes, and the table of them
//! that `replay --help` prints.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};
use std::str::FromStr;

use registrar::knobs::{KernelChoice, Knobs};
use scenarios::{
    Faults, Ignored, Instances, RaceSearch, RegistryValue, Scenario, Schedule, Script, Strategy,
};

/// A key.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// What stands for its value in the table; empty if it has none.
    pub(super) value: &'static str,
    /// What it means, in a few words.
    meaning: &'static str,
    /// `true` if it may be given several times.
    pub(super) repeats: bool,
    /// Refuses a value that this key does not take.
    pub(super) check: fn(&str) -> Result<(), String>,
}

const fn key(
    name: &'static str,
    value: &'static str,
    meaning: &'static str,
    check: fn(&str) -> Result<(), String>,
) -> Key {
    Key {
        name,
        value,
        meaning,
        repeats: false,
        check,
    }
}

/// A key without a value.
const fn flag(name: &'static str, meaning: &'static str) -> Key {
    key(name, "", meaning, |_| Ok(()))
}

const fn repeated(key: Key) -> Key {
    Key {
        repeats: true,
        ..key
    }
}

/// All keys. Those from `script` on are options of the simulated kernel.
pub(super) const KEYS: [Key; 20] = [
    key("seed", "N", "seed of all random choices; required", number),
    key("cycle", "N", "number of the cycle; required", cycle),
    key(
        "provider",
        "IMAGE",
        "instead of the provider built here: a file, zoo:NAME or zoo:NAME-twin",
        image,
    ),
    key("client", "IMAGE", "instead of the client built here", image),
    repeated(key(
        "driver",
        "IMAGE",
        "instead of provider and client, in the role that it registers",
        image,
    )),
    key(
        "script",
        "STEPS",
        "what the cycle does, as +p.+c~250.-p-c [drawn from the seed]",
        parsed::<Script>,
    ),
    key(
        "schedule",
        "N:T.N:T",
        "thread T runs at decision N, or none [drawn from the seed]",
        parsed::<Schedule>,
    ),
    key(
        "faults",
        "FAULTS",
        "random, systematic, or one call as allocation:7 [none]",
        parsed::<Faults>,
    ),
    key(
        "kernel",
        "KERNEL",
        "documents, windows or both [both; windows with other images]",
        parsed::<KernelChoice>,
    ),
    key(
        "knobs",
        "K:N+K:N",
        "fixed answers to open points, as DetachOrder:1",
        knobs,
    ),
    key(
        "strategy",
        "NAME",
        "random, run, hold, churn or pct [random]",
        parsed::<Strategy>,
    ),
    flag(
        "preempt",
        "preempt threads at accesses to shared memory in any cycle",
    ),
    key(
        "races",
        "CYCLES",
        "off, sampled or all: search for data races there [sampled]",
        parsed::<RaceSearch>,
    ),
    key(
        "instances",
        "NxM",
        "number of providers and clients, as 2x3 [drawn]",
        parsed::<Instances>,
    ),
    key(
        "only",
        "SCENARIO",
        "scenario of the cycle [drawn]",
        parsed::<Scenario>,
    ),
    key(
        "without",
        "SCENARIO",
        "scenario that is not drawn",
        parsed::<Scenario>,
    ),
    repeated(key(
        "npi",
        "FILE",
        "description of an NPI (npi.toml) outside the workspace",
        description,
    )),
    repeated(key(
        "registry",
        "D:K=V",
        "registry value of a driver, as client:Threads=4",
        parsed::<RegistryValue>,
    )),
    repeated(key(
        "ignore",
        "CODE[@F]",
        "findings that are ignored",
        parsed::<Ignored>,
    )),
    flag("may-refuse", "a driver may refuse to be loaded"),
];

/// Keys that exclude each other.
pub(super) const EXCLUSIVE: [(&str, &str); 3] = [
    ("only", "without"),
    ("driver", "provider"),
    ("driver", "client"),
];

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The keys as a table, and what a script consists of.
pub(crate) fn grammar() -> String {
    let mut text = "A replay line is one word: KEY=VALUE pairs, separated by commas.\n".to_owned();
    let mut line = |key: &str, meaning: &str| {
        writeln!(text, "  {key:<22}{meaning}").expect("a string takes everything");
    };
    for key in &KEYS {
        let form = match key.value {
            "" => key.name.to_owned(),
            value => format!("{}={value}", key.name),
        };
        let several = if key.repeats { "; may be repeated" } else { "" };
        line(&form, &format!("{}{several}", key.meaning));
    }
    text += "\nA script is its steps, separated by dots; p and c are provider and client, c2 a second \
             client:\n";
    let mut line = |sign: &str, meaning: &str| {
        writeln!(text, "  {sign:<22}{meaning}").expect("a string takes everything");
    };
    for (sign, meaning) in [
        (
            "+p -p",
            "load it, unload it; several in one step happen at the same time",
        ),
        (
            "+p/3",
            "load it; of its calls that can fail, the third does",
        ),
        (
            "-+c",
            "unload it, request its load meanwhile, and load it once that is granted",
        ),
        ("-c@idle", "unload it once it has reached that stage"),
        ("^p _p", "open its device, close it"),
        ("%c", "switch a part of it off, or on again"),
        ("#c", "forbid its unload for a while"),
        ("=c", "ask the service control manager again if it refused"),
        ("=c/disable", "disable its service until its next start"),
        (
            "=c/delete",
            "delete its service, which stays until it is unloaded",
        ),
        (
            "=c/second",
            "start a second service of its file, which is refused while it is loaded",
        ),
        (
            "shutdown",
            "last step: shut the machine down; the drivers stay loaded",
        ),
        ("~250", "after a step: let 250 microseconds pass"),
        ("Threads:2 Depth:3", "settings of every client"),
        ("Wdf:pc", "which drivers are for the driver framework"),
        ("C:pc", "which drivers are in C"),
    ] {
        line(sign, meaning);
    }
    text
}

/// A number below 2^64, of digits only.
fn number(value: &str) -> Result<(), String> {
    let digits = value.bytes().all(|it| it.is_ascii_digit());
    match value.parse::<u64>() {
        Ok(_) if digits => Ok(()),
        _ => Err("it is not a number below 2^64".to_owned()),
    }
}

/// A number after which there is another one.
fn cycle(value: &str) -> Result<(), String> {
    number(value)?;
    match value.parse() {
        Ok(u64::MAX) => Err("it is the last number: no cycle ends after it".to_owned()),
        _ => Ok(()),
    }
}

fn parsed<T: FromStr>(value: &str) -> Result<(), String>
where
    T::Err: Display,
{
    match value.parse::<T>() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Answers to open points, each of which is given once.
fn knobs(value: &str) -> Result<(), String> {
    let words = || value.split('+');
    if words().any(str::is_empty) {
        return Err("it has an empty part: write KNOB:ANSWER+KNOB:ANSWER".to_owned());
    }
    let name = |word: &str| word.split(':').next().unwrap_or_default().to_owned();
    let mut seen = BTreeSet::new();
    if let Some(twice) = words().map(name).find(|name| !seen.insert(name.clone())) {
        return Err(format!("{twice} is answered twice: leave one answer out"));
    }
    parsed::<Knobs>(value)
}

/// Returns the name of a strategy, if it is one.
pub(crate) fn strategy(value: &str) -> Result<String, String> {
    parsed::<Strategy>(value).map(|()| value.to_owned())
}

/// Returns what names cycles in which data races are searched for, if it does.
pub(crate) fn races(value: &str) -> Result<String, String> {
    parsed::<RaceSearch>(value).map(|()| value.to_owned())
}

/// Returns what names faults, if it does.
pub(crate) fn faults(value: &str) -> Result<String, String> {
    parsed::<Faults>(value).map(|()| value.to_owned())
}

/// Returns answers to open points, if they are.
pub(crate) fn answers(value: &str) -> Result<String, String> {
    knobs(value).map(|()| value.to_owned())
}

/// A file that can be read.
fn description(value: &str) -> Result<(), String> {
    match npi_description::read(&[value]) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// A file, or a module of the zoo; whether it is there is seen later.
fn image(value: &str) -> Result<(), String> {
    if value == "zoo:" {
        return Err("it names no module: write zoo:NAME".to_owned());
    }
    Ok(())
}
