// SPDX-License-Identifier: MIT OR Apache-2.0

//! `new`: writes a workspace for a new NPI.

mod template;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use self::template::{Language, Name, Replacement};
use crate::terminal::{Verdict, print};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo nmr new kv && cd kv && cargo nmr stress
  cargo nmr new my-npi --into ~/src
  cargo nmr new --c kvc             drivers in C
  cargo nmr new --c kvc --npi kv/npi/npi.toml    in C, for the NPI of kv")]
pub(crate) struct Arguments {
    /// Name of the NPI, as that of a package: small letters, digits, - and _
    name: String,
    /// Directory in which the directory NAME is made [default: the current one].
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
    /// Write the drivers in C, on a header that is made from the description of the NPI.
    #[arg(long = "c")]
    in_c: bool,
    /// Write drivers for the NPI of this description, which `new` wrote before: they attach
    /// to those beside it.
    #[arg(long, value_name = "FILE")]
    npi: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    let name = Name::parse(&arguments.name, &template::sources())?;
    let directory = arguments.into.join(&arguments.name);
    template::check(&directory)?;
    let language = if arguments.in_c {
        Language::C
    } else {
        Language::Rust
    };
    let replacement = match &arguments.npi {
        Some(description) => Replacement::for_npi(name, template::npi_of(description)?),
        None => Replacement::new(name),
    };
    for file in template::write(&directory, &replacement, language)? {
        print(directory.join(file).display());
    }
    print(format!(
        "{}: the libraries",
        directory.join("vendor").display()
    ));
    print(format!(
        "next: cd {} && cargo nmr stress",
        directory.display()
    ));
    Ok(Verdict::of_a_list())
}
