// SPDX-License-Identifier: MIT OR Apache-2.0

//! The terminal: output lines, error lines, suggestions, progress, and the exit status.

mod outcome;
mod progress;
mod suggestion;

use std::fmt::Display;
use std::io::{self, Write};

pub(crate) use outcome::{CANNOT, Outcome};
pub(crate) use progress::Progress;
pub(crate) use suggestion::nearest;

/// Prints `text` and a line end.
///
/// A closed output, as that of a pipe to `head`, is ignored: the work goes on.
pub(crate) fn print(text: impl Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints `text` to stderr as one line that begins with `error:`.
pub(crate) fn error(text: impl Display) {
    let line = text.to_string().replace(['\r', '\n'], " ");
    let _ = writeln!(io::stderr(), "error: {line}");
}
