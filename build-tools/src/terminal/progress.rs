// SPDX-License-Identifier: MIT OR Apache-2.0

//! Progress of a long run: a bar on a terminal, otherwise a line every few seconds.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{can_redraw, grouped, print};

/// Interval between two lines if there is no terminal: nobody waits longer without a
/// sign of life.
pub(super) const PERIOD: Duration = Duration::from_millis(2500);

/// Prints a line of progress to stderr: it is no part of the result.
pub(crate) fn print_progress(line: impl Display) {
    // A closed stderr is no reason to stop the work.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Shows the progress of one run.
pub(crate) enum Progress {
    Bar(ProgressBar),
    Lines {
        what: &'static str,
        unit: &'static str,
        total: u64,
        printed: Instant,
    },
}

impl Progress {
    /// Progress of `what`, which consists of `total` `unit`s.
    pub(crate) fn new(what: &'static str, unit: &'static str, total: u64) -> Self {
        if !can_redraw() {
            return Self::Lines {
                what,
                unit,
                total,
                printed: Instant::now(),
            };
        }
        let style = ProgressStyle::with_template(&format!(
            "{what}: {{wide_bar}} {{human_pos}} of {{human_len}} {unit}, {{eta}} left"
        ));
        let bar = ProgressBar::new(total);
        bar.set_style(style.expect("the template is valid"));
        Self::Bar(bar)
    }

    /// Shows that `done` units are done.
    pub(crate) fn show(&mut self, done: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(done),
            Self::Lines {
                what,
                unit,
                total,
                printed,
            } => {
                if printed.elapsed() >= PERIOD {
                    *printed = Instant::now();
                    let (done, total) = (grouped(done), grouped(*total));
                    print_progress(format!("{what}: {done} of {total} {unit}"));
                }
            }
        }
    }

    /// Prints a line above the bar.
    pub(crate) fn print_above(&self, line: &str) {
        match self {
            // To stdout: it may be a file.
            Self::Bar(bar) => bar.suspend(|| print(line)),
            Self::Lines { .. } => print(line),
        }
    }

    /// Removes the bar.
    pub(crate) fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
