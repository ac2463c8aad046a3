// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptions of Network Programming Interfaces: the file `npi.toml` beside the source of
//! an NPI, for the tools that watch its calls, write its C header and play its other side.
//!
//! `docs/describing-an-npi.md` is the reference of its keys.

mod check_layout;
mod error;
mod guid;
mod layout;
mod parse;
mod raw;
mod types;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

pub use error::Wrong;
pub use guid::NpiId;
pub use types::{
    CountedCalls, Due, Field, Function, Habit, Irql, Match, Meaning, Module, Npi, Number, Outcome,
    Parameter, Refusal, Reply, Returns, Side, Structure, Type, When,
};

/// The descriptions that this process knows.
static KNOWN: OnceLock<Vec<Npi>> = OnceLock::new();

/// Reads descriptions, and refuses two of one NPI that differ.
///
/// # Errors
///
/// A file cannot be read or is wrong: in one line, with the place and what to do.
pub fn read<P: AsRef<Path>>(files: &[P]) -> Result<Vec<Npi>, Wrong> {
    let mut all: Vec<(&Path, Npi)> = Vec::new();
    for file in files {
        let file = file.as_ref();
        let text = fs::read_to_string(file).map_err(|error| {
            Wrong::at(
                file,
                None,
                format!("cannot be read ({error}): name an npi.toml"),
            )
        })?;
        let npi = parse(file, &text)?;
        if let Some((other, known)) = all.iter().find(|(_, it)| it.id == npi.id) {
            if *known == npi {
                continue;
            }
            let reason = format!(
                "{} is described otherwise in {}: leave one out",
                npi.id,
                other.display()
            );
            return Err(Wrong::at(file, None, reason));
        }
        all.push((file, npi));
    }
    Ok(all.into_iter().map(|(_, npi)| npi).collect())
}

/// Reads the description with this text; `file` is its name in errors.
///
/// # Errors
///
/// The text is wrong: in one line, with the place and what to do.
pub fn parse(file: &Path, text: &str) -> Result<Npi, Wrong> {
    parse::npi(text)
        .map_err(|(span, reason)| Wrong::at(file, span.map(|span| error::line(text, span)), reason))
}

/// Makes descriptions known to this process, once.
///
/// # Panics
///
/// Others are known already.
pub fn know(npis: Vec<Npi>) {
    assert!(KNOWN.set(npis).is_ok(), "descriptions are known already");
}

/// The descriptions that are known.
#[must_use]
pub fn known() -> &'static [Npi] {
    KNOWN.get().map_or(&[], Vec::as_slice)
}

/// The known description of this NPI.
#[must_use]
pub fn find(id: NpiId) -> Option<&'static Npi> {
    known().iter().find(|npi| npi.id == id)
}
