// SPDX-License-Identifier: MIT OR Apache-2.0

//! `package`: makes a package for a machine under test, or verifies one.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::packages::{self, CERTIFICATE, GUIDE, Options};
use crate::prerequisites::{self, Purpose};
use crate::terminal::{self, Outcome, Verdict, count_of, print};
use crate::workspace::{OutputFiles, Workspace, artifact};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask package                     the pair, in target/packages/pair
  cargo xtask package --client my.sys     the same with another client
  cargo xtask package --verify            whether every file is as it was made")]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Verify a package instead of making one.
    #[arg(long, conflicts_with = "Options")]
    verify: bool,
    /// With --verify: directory of the package [default: target/packages/pair].
    #[arg(value_name = "DIR", requires = "verify")]
    directory: Option<PathBuf>,
    /// With --verify: write the verdict to this file; `-` is standard output.
    #[arg(long, value_name = "FILE", requires = "verify")]
    json: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    OutputFiles::default().add("--json", arguments.json.as_deref())?;
    let workspace = Workspace::checkout()?;
    if arguments.verify {
        let directory = arguments.directory.clone();
        let directory = directory.unwrap_or_else(|| packages::default_directory(&workspace));
        return verify(&directory, arguments.json.as_deref());
    }
    arguments.options.check(&workspace)?;
    match prerequisites::ensure(Purpose::Package)? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    let Some(package) = packages::assemble(&workspace, &arguments.options)? else {
        return Ok(Outcome::Found.into());
    };
    if !package.has_catalogues() {
        print(format!(
            "package: has no catalogues, which only inf2cat on Windows makes: install as {GUIDE} \
             describes"
        ));
    }
    let files = count_of(package.files(), "file", "files");
    let directory = package.directory().display();
    Ok(Verdict::pass(format!("{files} in {directory}")))
}

fn verify(directory: &Path, json: Option<&Path>) -> Result<Verdict> {
    let verdict = packages::verdict(directory)?;
    if let Some(path) = json {
        artifact::write_json(path, &verdict)?;
    }
    for fault in &verdict.faults {
        terminal::error(fault);
    }
    let shown = directory.display();
    if !verdict.passed {
        let faults = count_of(&verdict.faults, "fault", "faults");
        return Ok(Verdict::fail(format!(
            "{faults} in {shown}: see the errors above"
        )));
    }
    Ok(Verdict::pass(format!(
        "{} files in {shown} match the manifest, {} drivers are signed by {CERTIFICATE}",
        verdict.files, verdict.signed
    )))
}
