// SPDX-License-Identifier: MIT OR Apache-2.0

//! The words by which the user runs this program, for messages that name a command of it.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The words of the installed program.
pub const NMR: &str = "cargo nmr";
/// The words in the checkout.
pub const XTASK: &str = "cargo xtask";

/// What the user types: [`NMR`] or [`XTASK`].
pub static PROGRAM: Program = Program(OnceLock::new());

/// The words by which a program is run.
#[derive(Debug)]
pub struct Program(OnceLock<&'static str>);

impl Program {
    /// Sets the words; the first call counts.
    pub fn set(&self, words: &'static str) {
        self.0.get_or_init(|| words);
    }

    /// The words.
    #[must_use]
    pub fn words(&self) -> &'static str {
        self.0.get().copied().unwrap_or(XTASK)
    }

    /// The last of them.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.words().trim_start_matches("cargo ")
    }

    /// A text about `cargo xtask` as the user of this program must read it.
    #[must_use]
    pub fn adapt(&self, text: &str) -> String {
        text.replace("xtask", self.word())
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// A path by which this program can be started again; a build may have replaced its file.
#[must_use]
pub fn own_path() -> PathBuf {
    if cfg!(target_os = "linux") {
        PathBuf::from("/proc/self/exe")
    } else {
        env::current_exe().unwrap_or_default()
    }
}
