// SPDX-License-Identifier: MIT OR Apache-2.0

//! `sim --describe FILE`: prints the description of one image as a JSON line.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::Context;
use clap::Parser;
use scenarios::{Verdict, write_line};

use crate::{Image, Machine};

/// The option that asks for a description instead of a run.
const OPTION: &str = "--describe";

/// Describes one image.
#[derive(Parser)]
struct Arguments {
    #[arg(long, value_name = "FILE")]
    describe: PathBuf,
    /// The description of an NPI; may be given several times.
    #[arg(long, value_name = "FILE")]
    npi: Vec<PathBuf>,
}

/// Describes the image that the arguments name. Returns `None` if they ask for no
/// description, else the exit status: 1 for a finding in the dry run, 2 if it was cut
/// short.
pub(super) fn main(arguments: &[OsString]) -> Option<ExitCode> {
    if arguments.first()? != OPTION {
        return None;
    }
    let arguments = match Arguments::try_parse_from(super::with_name(arguments)) {
        Ok(arguments) => arguments,
        Err(wrong) => return Some(super::refuse(&wrong)),
    };
    Some(match describe(&arguments) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    })
}

fn describe(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    npi_description::know(npi_description::read(&arguments.npi)?);
    let image = Rc::new(Image::read(&arguments.describe)?);
    let description = Machine::new()?.describe(&image);
    write_line(&mut io::stdout().lock(), &description)
        .context("cannot write to standard output")?;
    Ok(match description.dry_run.verdict {
        None => ExitCode::SUCCESS,
        Some(Verdict::Finding(_)) => ExitCode::FAILURE,
        Some(Verdict::Unsupported(_)) => ExitCode::from(2),
    })
}
