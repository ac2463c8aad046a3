// SPDX-License-Identifier: MIT OR Apache-2.0

//! `doctor`: which parts are needed, which are there, how to get the others.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::artifact;
use crate::outcome::Outcome;
use crate::parts::{self, Part};
use crate::screen::say;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Write the table to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let parts = parts::all();
    if let Some(path) = &arguments.json {
        let json = serde_json::to_vec_pretty(&parts)?;
        artifact::write(path, &json)?;
    }
    say(table(&parts));
    let missing = parts.iter().filter(|part| !part.found).count();
    if missing == 0 {
        say(format!("all {} parts are there", parts.len()));
        return Ok(Outcome::Done);
    }
    say(format!(
        "{missing} of {} parts missing: `cargo xtask setup` gets what it can",
        parts.len()
    ));
    Ok(Outcome::Missing)
}

fn table(parts: &[Part]) -> String {
    let name = parts
        .iter()
        .map(|part| part.name.len())
        .max()
        .unwrap_or_default();
    let lines: Vec<_> = parts
        .iter()
        .map(|part| {
            let Part {
                name: what,
                detail,
                remedy,
                ..
            } = part;
            if part.found {
                format!("{what:name$}  found    {detail}")
            } else {
                format!(
                    "{what:name$}  MISSING  {detail}\n{:name$}           get it: {remedy}",
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
    use crate::parts::Purpose;

    #[test]
    fn a_missing_part_comes_with_its_remedy() {
        let part = |found| Part {
            name: "linker",
            purpose: Purpose::Build,
            found,
            detail: "x".to_owned(),
            remedy: "apt-get install lld".to_owned(),
            packages: vec!["lld"],
        };
        let text = table(&[part(true), part(false)]);
        assert_eq!(
            text,
            "linker  found    x\nlinker  MISSING  x\n                 get it: apt-get install lld"
        );
    }
}
