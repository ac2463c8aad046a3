// SPDX-License-Identifier: MIT OR Apache-2.0

//! `header`: writes the C header of an NPI from its description.

use std::path::PathBuf;
use std::slice;

use anyhow::{Context, Result};
use clap::Args;

use crate::terminal::Verdict;
use crate::workspace::{OutputFiles, artifact};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask header shared-npi/src/echo/npi.toml                    on standard output
  cargo xtask header shared-npi/src/echo/npi.toml --out echo_npi.h")]
pub(crate) struct Arguments {
    /// Description of the NPI, such as shared-npi/src/echo/npi.toml
    #[arg(value_name = "FILE")]
    description: PathBuf,
    /// The header; `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    let file = &arguments.description;
    let mut files = OutputFiles::default();
    files.reserve("the description", file);
    files.add("--out", Some(&arguments.out))?;
    let described = npi_description::read(slice::from_ref(file))?;
    let mut text = String::new();
    for npi in &described {
        text = c_header::text(npi).with_context(|| file.display().to_string())?;
    }
    artifact::write(&arguments.out, text.as_bytes())?;
    Ok(Verdict::of_a_list())
}
