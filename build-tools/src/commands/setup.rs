// SPDX-License-Identifier: MIT OR Apache-2.0

//! `setup`: installs every missing prerequisite.

use anyhow::Result;

use crate::prerequisites::{self, Purpose};
use crate::terminal::{Outcome, print};

pub(crate) fn run() -> Result<Outcome> {
    let outcome = prerequisites::ensure(Purpose::Vm)?;
    if outcome == Outcome::Done {
        print("setup: all prerequisites are installed");
    }
    Ok(outcome)
}
