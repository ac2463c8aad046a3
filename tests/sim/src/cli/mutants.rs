// SPDX-License-Identifier: MIT OR Apache-2.0

//! `sim --mutants FILE`: prints the mutants of one image, a JSON line for each.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use scenarios::write_line;

use crate::{Image, mutation};

/// The option that asks for mutants instead of a run.
const OPTION: &str = "--mutants";

/// Lists the mutants of one image.
#[derive(Parser)]
struct Arguments {
    #[arg(long, value_name = "FILE")]
    mutants: PathBuf,
    /// The description of an NPI, which no mutant depends on.
    #[arg(long, value_name = "FILE")]
    npi: Vec<PathBuf>,
}

/// Lists the mutants of the image that the arguments name. Returns `None` if they ask for
/// none.
pub(super) fn main(arguments: &[OsString]) -> Option<ExitCode> {
    if arguments.first()? != OPTION {
        return None;
    }
    let arguments = match Arguments::try_parse_from(super::with_name(arguments)) {
        Ok(arguments) => arguments,
        Err(wrong) => return Some(super::refuse(&wrong)),
    };
    Some(match list(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            super::CANNOT.into()
        }
    })
}

fn list(arguments: &Arguments) -> anyhow::Result<()> {
    let image = Image::read(&arguments.mutants)?;
    let mut output = BufWriter::new(io::stdout().lock());
    let mut print = || {
        for mutant in mutation::mutants(&image) {
            write_line(&mut output, &mutant)?;
        }
        output.flush()
    };
    print().context("cannot write to standard output")
}
