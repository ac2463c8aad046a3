// SPDX-License-Identifier: MIT OR Apache-2.0

//! Suppresses one misleading warning of cargo.
//!
//! A patch on the command line applies to every resolution that cargo makes. When it
//! resolves the dependencies of `core`, it warns that they do not use the patch. The
//! drivers do use it: they would not build otherwise.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::terminal::PROGRAM;
use crate::terminal::has_colours;

/// Runs `cargo` and forwards its errors, except that warning. Returns `true` if it succeeded.
pub(crate) fn succeeds_without_its_warning(cargo: &mut Command) -> Result<bool> {
    let mut stderr = std::io::stderr();
    run(cargo, |line| {
        // A closed stderr is no reason to stop the build.
        let _ = stderr.write_all(&[line, b"\n"].concat());
    })
}

/// Runs `cargo` and hands each line of its errors to `show`, except that warning. Returns
/// `true` if it succeeded.
pub(super) fn run(cargo: &mut Command, mut show: impl FnMut(&[u8])) -> Result<bool> {
    if has_colours() {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = cargo
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cargo cannot be run: see `{PROGRAM} doctor`"))?;
    let mut filter = Filter::default();
    if let Some(pipe) = child.stderr.take() {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            if filter.passes(&String::from_utf8_lossy(&line)) {
                show(&line);
            }
        }
    }
    Ok(child::has_succeeded(child.wait()?))
}

/// Removes the warning, which spans several lines.
#[derive(Default)]
struct Filter {
    inside: bool,
}

impl Filter {
    fn passes(&mut self, line: &str) -> bool {
        let starts = line.contains("patch `wdk-build") && line.contains("was not used");
        // The advice under the warning, its first word perhaps in colour.
        // Cargo's own verbs are indented by no more than five.
        let goes_on = line.starts_with("      ")
            || line.contains("help") && line.contains("Check that the patched package");
        self.inside = starts || self.inside && goes_on;
        !self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_warning_is_kept_back() {
        let said = "\
warning: patch `wdk-build v0.6.0 (/x)` was not used in the crate graph
help: Check that the patched package version and available features are compatible
      with the dependency requirements. If the patch has a different version from
      what is locked in the Cargo.lock file, run `cargo update` to use the new
      version. This may also occur with an optional dependency that is not enabled.
   Compiling core v0.0.0
warning: unused variable
help: remove it
      like this
    Finished `release` profile";
        let mut filter = Filter::default();
        let left: Vec<_> = said.lines().filter(|line| filter.passes(line)).collect();
        assert_eq!(
            left,
            [
                "   Compiling core v0.0.0",
                "warning: unused variable",
                "help: remove it",
                "      like this",
                "    Finished `release` profile"
            ]
        );
    }

    #[test]
    fn what_follows_at_once_passes() {
        let mut filter = Filter::default();
        assert!(!filter.passes("warning: patch `wdk-build v0.6.0 (/x)` was not used"));
        assert!(!filter.passes("help: Check that the patched package"));
        assert!(!filter.passes("      with the dependency requirements."));
        assert!(filter.passes("    Finished `release` profile"));
    }
}
