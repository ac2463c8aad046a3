// SPDX-License-Identifier: MIT OR Apache-2.0

//! `setup`: installs every missing prerequisite.

use anyhow::Result;

use crate::prerequisites::{self, Purpose};
use crate::terminal::{Outcome, Verdict};

pub(crate) fn run() -> Result<Verdict> {
    for purpose in [Purpose::Vm, Purpose::Page, Purpose::Bench, Purpose::Scale] {
        let outcome = prerequisites::ensure(purpose)?;
        if outcome != Outcome::Done {
            return Ok(outcome.into());
        }
    }
    Ok(Verdict::pass("all prerequisites are installed"))
}
