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

/// Prints one line that begins with `error:`, where it is not taken for a result.
pub(crate) fn error(text: impl Display) {
    let line = text.to_string().replace(['\r', '\n'], " ");
    let _ = writeln!(io::stderr(), "error: {line}");
}
