// SPDX-License-Identifier: MIT OR Apache-2.0

//! `sim --describe FILE`: prints the description of one image as a JSON line.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use crate::{Image, Machine};
use anyhow::Context;
use scenarios::{Verdict, write_line};

/// The option that asks for a description instead of a run.
const OPTION: &str = "--describe";

/// Describes the image that the arguments name. Returns `None` if they ask for no
/// description, else the exit status: 1 for a finding in the dry run, 2 if it was cut
/// short.
pub(super) fn main(arguments: &[OsString]) -> Option<ExitCode> {
    let (option, rest) = arguments.split_first()?;
    if option != OPTION {
        return None;
    }
    Some(match describe(rest) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    })
}

fn describe(arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let [file] = arguments else {
        anyhow::bail!("{OPTION} describes one image: name one file, and nothing else");
    };
    let image = Rc::new(Image::read(Path::new(file))?);
    let description = Machine::new()?.describe(&image);
    write_line(&mut io::stdout().lock(), &description)
        .context("cannot write to standard output")?;
    Ok(match description.dry_run.verdict {
        None => ExitCode::SUCCESS,
        Some(Verdict::Finding(_)) => ExitCode::FAILURE,
        Some(Verdict::Unsupported(_)) => ExitCode::from(2),
    })
}
