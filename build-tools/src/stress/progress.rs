// SPDX-License-Identifier: MIT OR Apache-2.0

//! How far the run is: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::screen::say;

/// Between two lines where there is no terminal.
const PERIOD: Duration = Duration::from_secs(5);

pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { total: u64, told: Instant },
}

impl Progress {
    pub(super) fn new(total: u64) -> Self {
        if !io::stderr().is_terminal() {
            let told = Instant::now();
            return Self::Lines { total, told };
        }
        let style = ProgressStyle::with_template(
            "stress: {wide_bar} {pos} of {len} cycles, {per_sec}, {eta} left",
        );
        let bar = ProgressBar::new(total);
        bar.set_style(style.expect("the template is valid"));
        Self::Bar(bar)
    }

    pub(super) fn show(&mut self, done: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(done),
            Self::Lines { total, told } => {
                if told.elapsed() >= PERIOD {
                    *told = Instant::now();
                    say(format!("stress: {done} of {total} cycles"));
                }
            }
        }
    }

    /// Prints a line without disturbing the bar.
    pub(super) fn say(&self, line: &str) {
        match self {
            Self::Bar(bar) => bar.println(line),
            Self::Lines { .. } => say(line),
        }
    }

    pub(super) fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
