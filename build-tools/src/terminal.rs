// SPDX-License-Identifier: MIT OR Apache-2.0

//! The terminal: output lines, error lines, tables, suggestions, progress, the verdict and its
//! exit status.

mod farewell;
mod numbers;
mod outcome;
mod progress;
mod suggestion;
mod table;
mod verdict;
mod waiting;

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use child::program::PROGRAM;
pub(crate) use farewell::{begin_step, interrupted, listen};
pub(crate) use numbers::{count, count_of, grouped, time};
pub(crate) use outcome::{CANNOT, Outcome};
pub(crate) use progress::{Progress, print_progress};
pub(crate) use suggestion::nearest;
pub(crate) use table::Table;
pub(crate) use verdict::{Verdict, Word};
pub(crate) use waiting::Waiting;

/// Whether standard output is reserved for an output file.
static RESERVED: AtomicBool = AtomicBool::new(false);

/// Reserves standard output for an output file: text goes to standard error from now on.
/// Returns `false` if it was reserved before.
pub(crate) fn reserve_stdout() -> bool {
    !RESERVED.swap(true, Ordering::Relaxed)
}

/// Returns `true` if stderr is a terminal on which a line can be drawn again.
fn can_redraw() -> bool {
    let is_dumb = env::var_os("TERM").is_some_and(|it| it == "dumb");
    io::stderr().is_terminal() && !is_dumb
}

/// Returns `true` if child processes may write colours to stderr.
pub(crate) fn has_colours() -> bool {
    let no_color = env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
    can_redraw() && !no_color
}

/// Prints `text` and a line end.
///
/// A closed output, as that of a pipe to `head`, is ignored: the work goes on.
pub(crate) fn print(text: impl Display) {
    let mut out: Box<dyn Write> = if RESERVED.load(Ordering::Relaxed) {
        Box::new(io::stderr().lock())
    } else {
        Box::new(io::stdout().lock())
    };
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints `text` to stderr as one line that begins with `error:`.
pub(crate) fn error(text: impl Display) {
    let text = text.to_string().replace(['\r', '\n'], " ");
    // What a user has typed may hold what a terminal acts on.
    let visible = |char: char| match char {
        '\t' => char.to_string(),
        _ if char.is_control() => char.escape_default().to_string(),
        _ => char.to_string(),
    };
    let line: String = text.chars().map(visible).collect();
    let _ = writeln!(io::stderr(), "error: {line}");
}
