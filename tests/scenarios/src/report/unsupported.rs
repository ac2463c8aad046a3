// SPDX-License-Identifier: MIT OR Apache-2.0

//! A cycle that ended because the kernel of this tier lacks a function: it is neither clean
//! nor a finding.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::finding::{Finding, Frame, Place, first, is_first};

/// The use of something that the kernel does not provide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsupported {
    /// What the driver does: `calls NtFoo of ntoskrnl.exe, which the simulated kernel does
    /// not provide`.
    pub what: String,
    /// The driver, empty where none can be named.
    pub driver: String,
    /// Which of its instances, from 1.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub instance: u8,
    /// The offset in its image, if known.
    pub offset: Option<u32>,
    /// The function and line, if symbols are available.
    pub place: Option<Place>,
    /// The first cycle that it cut short.
    pub cycle: u64,
    /// The run's seed.
    pub seed: u64,
    /// The simulated thread.
    pub thread: String,
    /// The functions that were under way on that thread, the innermost first.
    pub stack: Vec<Frame>,
    /// The number of cycles that it cut short.
    pub count: u64,
}

impl Unsupported {
    /// Returns `true` if `other` is the same use at the same place.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        (&self.what, &self.driver, self.offset) == (&other.what, &other.driver, other.offset)
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UNSUPPORTED: ")?;
        match &*self.driver {
            "" => f.write_str("a driver")?,
            driver => f.write_str(driver)?,
        }
        if self.instance > 1 {
            write!(f, "#{}", self.instance)?;
        }
        write!(f, " {}", self.what)?;
        match (&self.place, self.offset) {
            (Some(place), _) => write!(f, " ({})", place.where_in())?,
            (None, Some(offset)) => write!(f, " (at offset {offset:#x})")?,
            (None, None) => {}
        }
        let cycles = match self.count {
            1 => "1 cycle was".to_owned(),
            many => format!("{many} cycles were"),
        };
        write!(
            f,
            "; {cycles} cut short there (cycle {} of seed {}, thread {})",
            self.cycle, self.seed, self.thread
        )
    }
}

/// The end of a cycle that did not run to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A driver did something wrong.
    Finding(Finding),
    /// A driver used something that the kernel does not provide.
    Unsupported(Unsupported),
}

impl Verdict {
    /// The finding, if it is one.
    #[must_use]
    pub fn finding(self) -> Option<Finding> {
        match self {
            Self::Finding(finding) => Some(finding),
            Self::Unsupported(_) => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finding(finding) => finding.fmt(f),
            Self::Unsupported(unsupported) => unsupported.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_call_the_place_and_the_cycle() {
        let mut unsupported = Unsupported {
            what: "calls NtFoo of ntoskrnl.exe".to_owned(),
            driver: "client.sys".to_owned(),
            instance: 1,
            offset: Some(0x1234),
            place: Some(Place {
                function: "Func".to_owned(),
                file: Some("client.c".to_owned()),
                line: Some(12),
            }),
            cycle: 3,
            seed: 7,
            thread: "load client".to_owned(),
            stack: Vec::new(),
            count: 1,
        };
        assert_eq!(
            unsupported.to_string(),
            "UNSUPPORTED: client.sys calls NtFoo of ntoskrnl.exe (client.c:12, in Func); 1 cycle \
             was cut short there (cycle 3 of seed 7, thread load client)"
        );
        unsupported.place = None;
        unsupported.instance = 2;
        unsupported.count = 5;
        let line = unsupported.to_string();
        assert!(line.contains("client.sys#2 calls NtFoo of ntoskrnl.exe (at offset 0x1234); "));
        assert!(line.contains("; 5 cycles were cut short there"), "{line}");
    }
}
