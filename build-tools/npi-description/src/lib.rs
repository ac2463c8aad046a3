// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptions of Network Programming Interfaces: the file `npi.toml` beside the source of
//! an NPI, for the tools that watch its calls, write its C header and play its other side.
//!
//! ```toml
//! name = "keyvalue"
//! id = "6d1ff1b5-5f3c-4ae8-9f9b-2b4f1d0ce2a7"
//!
//! [provider]
//! table = "ProviderTable"
//! [client]
//! table = "ClientTable"
//!
//! [structures.ProviderTable]
//! fields = [
//!     { name = "size", type = "u32", is = "size" },
//!     { name = "get", type = "function" },
//! ]
//! [structures.ClientTable]
//! fields = [
//!     { name = "size", type = "u32", is = "size" },
//!     { name = "got", type = "function" },
//! ]
//! [structures.Query]
//! fields = [
//!     { name = "key", type = "u64", value = [1, 100] },
//!     { name = "status", type = "status", reply = 0 },
//! ]
//!
//! [functions.get]
//! irql = "<= DISPATCH_LEVEL"
//! parameters = [{ is = "binding" }, { name = "query", type = "*Query" }]
//! completed_by = "got"
//! matched_by = "query"
//! [functions.got]
//! irql = "<= DISPATCH_LEVEL"
//! returns = "void"
//! parameters = [{ is = "binding" }, { name = "query", type = "*Query" }]
//! ```
//!
//! # Keys
//!
//! | where | key | meaning |
//! |---|---|---|
//! | top | `name` | a word; the first part of the names in the C header |
//! | | `id` | the GUID of the NPI |
//! | `[provider]`, `[client]` | `module_id` | the GUID of a module that is known; optional |
//! | | `characteristics` | the structure that `NpiSpecificCharacteristics` points to; optional |
//! | | `table` | the structure of the dispatch table; optional |
//! | `[structures.NAME]` | `fields` | in order, laid out as C does for x64 |
//! | field | `type` | `u8` to `u64`, `i8` to `i64`, `bool`, `status`, `guid`, `pointer`, `[u8; 64]`, the name of a structure, or `function`: the function of the field's name |
//! | | `is` | what the field says: see [`Meaning`] |
//! | | `value` | what a peer writes: a number, or `[lowest, highest]` to draw from; 0 without it |
//! | | `reply` | what the callee writes before it answers: a number, or the name of a field that it copies |
//! | | `optional` | a function that may be null |
//! | `[functions.NAME]` | `irql` | `PASSIVE_LEVEL`, `<= APC_LEVEL`, `<= DISPATCH_LEVEL` or `DISPATCH_LEVEL` |
//! | | `returns` | `status` (if absent), `void` or the type of a number |
//! | | `parameters` | in order. `{ is = "binding" }` is the callee's binding context; the others have `name`, `type` (as of a field, or `*NAME` and `*const NAME` for a structure that the caller lends) and `value` |
//! | | `completed_by` | the function of the peer that completes a call which returned `STATUS_PENDING` |
//! | | `matched_by` | the parameter that a call and its completion have in common, or `order`: the oldest call completes first |
//! | | `cancels` | the function whose pending call it hurries |
//! | | `after` | the function of the same NPI that must have been called first in this binding |
//! | | `if_offered` | bits that both sides' field that `is = "offered"` must have |

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
    Field, Function, Irql, Match, Meaning, Module, Npi, Number, Parameter, Reply, Returns, Side,
    Structure, Type,
};

/// The descriptions that this process knows.
static KNOWN: OnceLock<Vec<Npi>> = OnceLock::new();

/// Reads descriptions, and refuses two of one NPI.
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
        if let Some((other, _)) = all.iter().find(|(_, it)| it.id == npi.id) {
            let reason = format!(
                "{} is described in {} already: leave one out",
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
