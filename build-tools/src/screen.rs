// SPDX-License-Identifier: MIT OR Apache-2.0

//! Talking to the user.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints `text` and a line end.
///
/// A reader that has seen enough, such as `head`, is no reason to stop working.
pub(crate) fn say(text: impl Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints one line that begins with `error:`.
pub(crate) fn complain(error: &anyhow::Error) {
    let line = format!("{error:#}").replace(['\r', '\n'], " ");
    let _ = writeln!(io::stderr(), "error: {line}");
}
