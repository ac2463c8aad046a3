// SPDX-License-Identifier: MIT OR Apache-2.0

//! `completions` and `man`: shell completions and manual pages of the commands.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use clap_complete::Shell;

use crate::CommandLine;
use crate::terminal::{PROGRAM, Verdict, print};

#[derive(Args)]
#[command(after_help = "Examples:
  alias xtask='cargo xtask'; source <(cargo xtask completions bash)
  cargo xtask completions fish > ~/.config/fish/completions/xtask.fish")]
pub(crate) struct Completions {
    /// The shell that reads the script; the script completes the word `xtask`.
    shell: Shell,
}

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask man target/man
  man target/man/cargo-xtask-stress.1")]
pub(crate) struct Man {
    /// The directory to write to, made if there is none.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Prints the script for a shell.
pub(crate) fn complete(arguments: &Completions) -> Verdict {
    let mut command = CommandLine::adapted();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, PROGRAM.word(), &mut script);
    print(String::from_utf8_lossy(&script).trim_end());
    Verdict::of_a_list()
}

/// Writes a manual page for each command.
pub(crate) fn write_manual(arguments: &Man) -> Result<Verdict> {
    let directory = &arguments.directory;
    let unwritable = || {
        format!(
            "{} cannot be written: name another directory",
            directory.display()
        )
    };
    fs::create_dir_all(directory).with_context(unwritable)?;
    // `man cargo-nmr`, as cargo's own.
    let (name, page) = match PROGRAM.word() {
        "xtask" => ("cargo-xtask", "cargo-xtask.1"),
        _ => ("cargo-nmr", "cargo-nmr.1"),
    };
    let command = CommandLine::adapted().name(name);
    clap_mangen::generate_to(command, directory).with_context(unwritable)?;
    let page = directory.join(page);
    Ok(Verdict::pass(format!("read it by man {}", page.display())))
}
