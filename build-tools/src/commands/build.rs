// SPDX-License-Identifier: MIT OR Apache-2.0

//! `build`: builds the drivers and checks their images.

use anyhow::Result;

use crate::building::drivers;
use crate::terminal::Outcome;

pub(crate) fn run() -> Result<Outcome> {
    drivers::set_up_and_build()
}
