// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is wrong with a description, in one line.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Wrong {
    file: PathBuf,
    line: Option<usize>,
    reason: String,
}

impl Wrong {
    pub(crate) fn at(file: &Path, line: Option<usize>, reason: String) -> Self {
        Self {
            file: file.to_owned(),
            line,
            reason,
        }
    }

    /// The line, from 1, if it is one line that is wrong.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// The line, from 1, in which a part of `text` begins.
pub(crate) fn line(text: &str, part: Range<usize>) -> usize {
    let before = text.as_bytes().iter().take(part.start);
    1 + before.filter(|byte| **byte == b'\n').count()
}
