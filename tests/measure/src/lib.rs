// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compares code with other code in one run: the time, the instructions, and the gain from a
//! second processor.
//!
//! A bench target lists its [`Case`]s, has a [`Bench`] measure them, and compares the
//! results with each other, because only ratios mean the same on another machine.
//!
//! - **Time** is the best of many short rounds, which the cases run alternately: on a busy
//!   machine this is the time of the code itself.
//! - **Instructions** are exact: valgrind's callgrind counts those of two runs of the
//!   program, one of which repeats the case more often. Without valgrind there are none.
//! - **Two threads**: their throughput relative to that of one thread. Only rounds in which
//!   both ran all the time count.
//!
//! The arguments of such a target are `--json` for one line of JSON for each case instead of
//! the table, `--quick` for fewer rounds, `--time-only` to leave out instructions, and a part
//! of the names of the cases.

mod callgrind;
mod rounds;
mod table;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

/// Code to measure.
pub struct Case<'a> {
    /// Its name.
    pub name: String,
    /// What runs it that often.
    pub run: Run<'a>,
    /// The runs in a round: about a millisecond of them.
    pub round: u32,
    /// The operations in a run, by which everything is divided.
    pub operations: u32,
    /// Whether its instructions are counted, which takes fifty times as long as it.
    pub counted: bool,
}

/// What runs a case as often as it is told.
pub enum Run<'a> {
    /// In one thread.
    One(Box<dyn Fn(u32) + 'a>),
    /// In one thread, and in two at a time.
    OneAndTwo(Box<dyn Fn(u32) + Sync + 'a>),
}

impl Run<'_> {
    fn times(&self, times: u32) {
        match self {
            Self::One(run) => run(times),
            Self::OneAndTwo(run) => run(times),
        }
    }
}

/// What was measured, each for one operation.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The case's name.
    pub name: String,
    /// Nanoseconds.
    pub ns: f64,
    /// Instructions, if valgrind is there.
    pub instructions: Option<f64>,
    /// How many times as much two threads do as one in the same time.
    pub two_threads: Option<f64>,
}

/// A list of cases.
pub struct Bench<'a> {
    name: &'static str,
    cases: Vec<Case<'a>>,
}

impl<'a> Bench<'a> {
    /// One without cases. `name` is that of the bench target.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            cases: Vec::new(),
        }
    }

    /// Adds a case.
    pub fn add(&mut self, case: Case<'a>) {
        self.cases.push(case);
    }

    /// Measures all, prints the results, and has `judge` say what is wrong with them.
    pub fn run(mut self, judge: impl FnOnce(&[Measured]) -> Vec<String>) -> ExitCode {
        let words: Vec<String> = env::args().skip(1).collect();
        if let Some((name, times)) = callgrind::asked(&words) {
            return self.repeat(name, times);
        }
        let has = |word: &str| words.iter().any(|it| it == word);
        let time = Duration::from_millis(if has("--quick") { 100 } else { 700 });
        if let Some(part) = words.iter().find(|word| !word.starts_with("--")) {
            self.cases.retain(|case| case.name.contains(part));
        }
        let measured = self.measure(time, !has("--time-only"));
        if has("--json") {
            table::print_json(self.name, &measured);
        } else {
            table::print(&measured);
        }
        let wrong = judge(&measured);
        for what in &wrong {
            eprintln!("{what}");
        }
        if wrong.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// Runs a case for callgrind.
    fn repeat(&self, name: &str, times: u32) -> ExitCode {
        let Some(case) = self.cases.iter().find(|case| case.name == name) else {
            eprintln!("there is no case {name}");
            return ExitCode::FAILURE;
        };
        case.run.times(times);
        ExitCode::SUCCESS
    }

    fn measure(&self, time: Duration, count: bool) -> Vec<Measured> {
        let rounds = rounds::in_turns(&self.cases, time);
        let count = |case: &Case<'_>| {
            (count && case.counted)
                .then(|| callgrind::instructions(case))
                .flatten()
        };
        let counts = self.cases.iter().map(count);
        (self.cases.iter().zip(rounds).zip(counts))
            .map(|((case, best), instructions)| Measured {
                name: case.name.clone(),
                ns: best.one * 1e9 / f64::from(case.operations),
                instructions,
                two_threads: best.two.map(|two| 2.0 * best.one / two),
            })
            .collect()
    }
}
