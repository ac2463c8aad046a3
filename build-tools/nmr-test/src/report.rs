// SPDX-License-Identifier: MIT OR Apache-2.0

//! The report of a run.

use std::fmt;

use serde_json::Value;

/// What a run has done and found.
#[derive(Clone, Debug)]
pub struct Report {
    passed: bool,
    printed: String,
    json: Value,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The NMR rule (`R29`), the bug check (`0xCE`), or a word such as `leak`.
    pub code: String,
    /// What happened, in a sentence.
    pub what: String,
    /// The driver at fault, empty where none can be named.
    pub driver: String,
    /// The function, where symbols are available.
    pub function: Option<String>,
    /// The source file, where symbols are available.
    pub file: Option<String>,
    /// The line, where symbols are available.
    pub line: Option<u64>,
    /// The first cycle in which it was seen.
    pub cycle: u64,
    /// In how many cycles it was seen.
    pub count: u64,
}

impl Report {
    pub(crate) const fn new(passed: bool, printed: String, json: Value) -> Self {
        Self {
            passed,
            printed,
            json,
        }
    }

    /// Returns `true` if all cycles ran, what was asked for was tested, and nothing was
    /// found.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.passed
    }

    /// Demands that all cycles ran, what was asked for was tested, and nothing was found.
    ///
    /// # Panics
    ///
    /// Otherwise, with the findings and the lines that replay them.
    pub fn assert_clean(&self) {
        assert!(self.passed, "the run is not clean:\n{self}");
    }

    /// Demands a finding with this code.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn assert_finds(&self, code: &str) {
        let found = self.findings().iter().any(|it| it.code == code);
        assert!(found, "no finding is {code}:\n{self}");
    }

    /// The verdict: the last line of the run.
    #[must_use]
    pub fn verdict(&self) -> &str {
        self.printed.lines().next_back().unwrap_or_default()
    }

    /// What was found, each defect once.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let all = self.json["findings"].as_array();
        all.into_iter().flatten().map(Finding::of).collect()
    }

    /// A counter of the report by its name in the JSON report, such as `attaches`, `calls`,
    /// `completions`, `detaches_pending_client` or `detaches_pending_provider`.
    ///
    /// # Panics
    ///
    /// The report has no number of this name.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.json[name]
            .as_u64()
            .unwrap_or_else(|| panic!("the report has no number {name}"))
    }

    /// The whole report.
    #[must_use]
    pub const fn json(&self) -> &Value {
        &self.json
    }
}

/// What the command printed: the summary, the findings with the lines that replay them, the
/// verdict.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.printed)
    }
}

impl Finding {
    fn of(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| value[name].as_u64().unwrap_or_default();
        let place = &value["place"];
        Self {
            code: text("code"),
            what: text("what"),
            driver: text("driver"),
            function: place["function"].as_str().map(str::to_owned),
            file: place["file"].as_str().map(str::to_owned),
            line: place["line"].as_u64(),
            cycle: number("cycle"),
            count: number("count"),
        }
    }
}
