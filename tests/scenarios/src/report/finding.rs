// SPDX-License-Identifier: MIT OR Apache-2.0

//! A finding: the defect, its place, and how to reproduce it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::numbers::count;

/// The simulated kernel that answers as Windows does.
const WINDOWS: &str = "windows";

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The NMR rule (`R29`), the bug check (`0xCE`), or `fault`, `hang`,
    /// `deadlock`, `livelock`, `leak`, `load`, `overrun`, `unload`, `lost`.
    pub code: String,
    /// The parameters of the bug check, where Windows documents some.
    pub parameters: Option<[u64; 4]>,
    /// What happened, in a sentence.
    pub what: String,
    /// The NMR rule that was broken, if one was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// The driver at fault, empty where none can be named.
    pub driver: String,
    /// Which of its instances, from 1.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub instance: u8,
    /// The offset in its image, if known.
    pub offset: Option<u32>,
    /// The function and line, if symbols are available.
    pub place: Option<Place>,
    /// The simulated kernels that showed it: `documents`, `windows` or both.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kernels: BTreeSet<String>,
    /// The open points on which it rests in its first cycle.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_points: Vec<OpenPoint>,
    /// The first cycle in which it was seen.
    pub cycle: u64,
    /// The run's seed.
    pub seed: u64,
    /// The scenarios in whose cycles it was seen, where known.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scenarios: BTreeSet<String>,
    /// The simulated thread.
    pub thread: String,
    /// The functions that were under way on that thread, the innermost first.
    pub stack: Vec<Frame>,
    /// What had happened to the binding concerned, the oldest first.
    pub history: Vec<String>,
    /// In how many cycles it was seen.
    pub count: u64,
}

pub(super) const fn first() -> u8 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
pub(super) const fn is_first(instance: &u8) -> bool {
    *instance == 1
}

impl Finding {
    /// One of which nothing is known but what happened, in this cycle of this
    /// seed.
    #[must_use]
    pub fn bare(code: &str, what: String, seed: u64, cycle: u64) -> Self {
        Self {
            code: code.to_owned(),
            what,
            rule: String::new(),
            driver: String::new(),
            instance: 1,
            offset: None,
            place: None,
            kernels: BTreeSet::new(),
            open_points: Vec::new(),
            cycle,
            seed,
            scenarios: BTreeSet::new(),
            thread: String::new(),
            stack: Vec::new(),
            parameters: None,
            history: Vec::new(),
            count: 1,
        }
    }

    /// The open points on which it rests. If the kernel that answers as Windows does has
    /// shown it in another cycle, it rests on none that this kernel excludes.
    pub fn rests_on(&self) -> impl Iterator<Item = &OpenPoint> {
        let on_windows = self.kernels.contains(WINDOWS);
        let points = self.open_points.iter();
        points.filter(move |point| point.shown_by_windows || !on_windows)
    }

    /// The code, the driver and the place: `R28 client.sys DriverUnload (lib.rs:140)`.
    #[must_use]
    pub fn headline(&self) -> String {
        let at = match (&self.place, self.offset) {
            (Some(place), _) => format!(" {place}"),
            (None, Some(offset)) => format!("+{offset:#x}"),
            (None, None) => String::new(),
        };
        let gap = if self.driver.is_empty() { "" } else { " " };
        format!("{}{gap}{}{at}", self.code, self.driver)
    }

    /// Returns `true` if `other` is the same defect, seen another time.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        (&self.code, &self.driver, self.offset) == (&other.code, &other.driver, other.offset)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code)?;
        if let Some([first, second, third, fourth]) = self.parameters {
            write!(f, "({first:#x}, {second:#x}, {third:#x}, {fourth:#x}) ")?;
        }
        if !self.driver.is_empty() {
            write!(f, "{}", self.driver)?;
            if self.instance > 1 {
                write!(f, "#{}", self.instance)?;
            }
            if let Some(offset) = self.offset {
                write!(f, "+{offset:#x}")?;
            }
            if let Some(place) = &self.place {
                write!(f, " {place}")?;
            }
            write!(f, ": ")?;
        }
        f.write_str(&self.what)?;
        for point in self.rests_on() {
            write!(f, "; rests on {}", point.text)?;
        }
        write!(f, " (cycle {} of seed {}, ", self.cycle, self.seed)?;
        for kernel in &self.kernels {
            write!(f, "kernel {kernel}, ")?;
        }
        let cycles = count(self.count, "cycle", "cycles");
        write!(f, "thread {}, seen in {cycles})", self.thread)
    }
}

/// A question that the documents leave open, of which another answer would not have
/// shown a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPoint {
    /// The question, its answers, and the option that excludes this one.
    pub text: String,
    /// `true` if the kernel that answers as Windows does can show the finding.
    pub shown_by_windows: bool,
}

/// A place in a driver's source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The function.
    pub function: String,
    /// Its file, as the compiler was given it.
    pub file: Option<String>,
    /// The line.
    pub line: Option<u32>,
}

impl Place {
    /// The line and the function: `client.c:12, in Func`.
    #[must_use]
    pub fn where_in(&self) -> String {
        let function = &self.function;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line}, in {function}"),
            (Some(file), None) => format!("{file}, in {function}"),
            (None, _) => format!("in {function}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, " ({file}:{line})"),
            (Some(file), None) => write!(f, " ({file})"),
            (None, _) => Ok(()),
        }
    }
}

/// A function that was under transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Its driver, or the image of the kernel that exports it.
    pub module: String,
    /// The offset in the driver's image.
    pub offset: Option<u32>,
    /// The function and the line, as far as they are known.
    pub place: Option<Place>,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.module)?;
        match (&self.place, self.offset) {
            (Some(place), _) => write!(f, "!{place}"),
            (None, Some(offset)) => write!(f, "+{offset:#x}"),
            (None, None) => Ok(()),
        }
    }
}
