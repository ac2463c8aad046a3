// SPDX-License-Identifier: MIT OR Apache-2.0

//! How far a long run is: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::screen::say;

/// Between two lines where there is no terminal.
const PERIOD: Duration = Duration::from_secs(5);

pub(crate) enum Progress {
    Bar(ProgressBar),
    Lines {
        what: &'static str,
        unit: &'static str,
        total: u64,
        told: Instant,
    },
}

impl Progress {
    /// That of `what`, which has a `total` of `unit`s to do.
    pub(crate) fn new(what: &'static str, unit: &'static str, total: u64) -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines {
                what,
                unit,
                total,
                told: Instant::now(),
            };
        }
        let style = ProgressStyle::with_template(&format!(
            "{what}: {{wide_bar}} {{pos}} of {{len}} {unit}, {{per_sec}}, {{eta}} left"
        ));
        let bar = ProgressBar::new(total);
        bar.set_style(style.expect("the template is valid"));
        Self::Bar(bar)
    }

    pub(crate) fn show(&mut self, done: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(done),
            Self::Lines {
                what,
                unit,
                total,
                told,
            } => {
                if told.elapsed() >= PERIOD {
                    *told = Instant::now();
                    say(format!("{what}: {done} of {total} {unit}"));
                }
            }
        }
    }

    /// Prints a line without disturbing the bar.
    pub(crate) fn say(&self, line: &str) {
        match self {
            Self::Bar(bar) => bar.println(line),
            Self::Lines { .. } => say(line),
        }
    }

    pub(crate) fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
