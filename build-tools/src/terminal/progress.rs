// SPDX-License-Identifier: MIT OR Apache-2.0

//! Progress of a long run: a bar on a terminal, otherwise a line now and then.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{can_redraw, grouped, print};

/// The time to the first line if there is no terminal: what takes less needs no sign of life.
pub(super) const FIRST: Duration = Duration::from_secs(10);
/// Interval between two later lines: more of them would fill a log.
pub(super) const PERIOD: Duration = Duration::from_secs(30);

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
        /// When the next line is due.
        due: Instant,
    },
    /// Shown by the caller, who is told now and then how many units are done.
    Told(Box<dyn FnMut(u64) + Send>),
}

impl Progress {
    /// Progress of `what`, which consists of `total` `unit`s.
    pub(crate) fn new(what: &'static str, unit: &'static str, total: u64) -> Self {
        if !can_redraw() {
            return Self::Lines {
                what,
                unit,
                total,
                due: Instant::now() + FIRST,
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
            Self::Told(tell) => tell(done),
            Self::Lines {
                what,
                unit,
                total,
                due,
            } => {
                if Instant::now() >= *due {
                    *due = Instant::now() + PERIOD;
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
            Self::Lines { .. } | Self::Told(_) => print(line),
        }
    }

    /// Removes the bar.
    pub(crate) fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
