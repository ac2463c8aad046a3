// SPDX-License-Identifier: MIT OR Apache-2.0

//! `doctor`: lists the prerequisites, and how to get those that are missing.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::prerequisites::{self, Prerequisite};
use crate::terminal::{Outcome, print};
use crate::workspace::artifact;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Also write the table to this file; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    if let Some(path) = &arguments.json {
        artifact::check_writable(path)?;
    }
    let all = prerequisites::all();
    if let Some(path) = &arguments.json {
        artifact::write_json(path, &all)?;
    }
    print(table(&all));
    let missing = all.iter().filter(|it| !it.found).count();
    if missing == 0 {
        print(format!("all {} prerequisites are installed", all.len()));
        return Ok(Outcome::Done);
    }
    print(format!(
        "{missing} of {} prerequisites missing: `cargo xtask setup` installs what it can",
        all.len()
    ));
    Ok(Outcome::Missing)
}

fn table(prerequisites: &[Prerequisite]) -> String {
    let width = prerequisites
        .iter()
        .map(|it| it.name.len())
        .max()
        .unwrap_or_default();
    let lines: Vec<_> = prerequisites
        .iter()
        .map(|it| {
            let Prerequisite {
                name,
                detail,
                remedy,
                ..
            } = it;
            if it.found {
                format!("{name:width$}  found    {detail}")
            } else {
                format!(
                    "{name:width$}  MISSING  {detail}\n{:width$}           get it: {remedy}",
                    ""
                )
            }
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prerequisites::Purpose;

    #[test]
    fn a_missing_prerequisite_has_its_remedy() {
        let linker = |found| Prerequisite {
            name: "linker",
            purpose: Purpose::Build,
            found,
            detail: "x".to_owned(),
            remedy: "apt-get install lld".to_owned(),
            packages: vec!["lld"],
        };
        let text = table(&[linker(true), linker(false)]);
        assert_eq!(
            text,
            "linker  found    x\nlinker  MISSING  x\n                 get it: apt-get install lld"
        );
    }
}
