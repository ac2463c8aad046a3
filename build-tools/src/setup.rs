// SPDX-License-Identifier: MIT OR Apache-2.0

//! `setup`: installs the parts that are missing, where it may.
//!
//! It may where there is `apt-get` and the user is root or `sudo` asks for no
//! password. Everywhere else it prints the exact command and stops.

use std::process::Command;

use anyhow::Result;

use crate::outcome::Outcome;
use crate::parts::{self, Purpose};
use crate::screen::say;
use crate::workspace::{output, succeeds};

pub(crate) fn run() -> Result<Outcome> {
    let outcome = ensure(Purpose::Vm)?;
    if outcome == Outcome::Done {
        say("setup: every part is there");
    }
    Ok(outcome)
}

/// Installs what is missing for `purpose`; says nothing if that is nothing.
pub(crate) fn ensure(purpose: Purpose) -> Result<Outcome> {
    let missing = parts::missing(purpose);
    if missing.is_empty() {
        return Ok(Outcome::Done);
    }
    for part in &missing {
        say(format!("setup: {} is missing ({})", part.name, part.detail));
    }
    let packages = parts::packages(&missing);
    if packages.is_empty() || which::which("apt-get").is_err() {
        say("setup: cannot install here; get each part, then try again:");
        for part in &missing {
            say(format!("    {}: {}", part.name, part.remedy));
        }
        return Ok(Outcome::Missing);
    }

    let install = [
        &["install", "--yes", "--no-install-recommends"],
        &*Vec::from_iter(packages),
    ]
    .concat();
    let Some(privilege) = privilege() else {
        let install = install.join(" ");
        say("setup: no right to install; run this, then try again:");
        say(format!("    sudo apt-get update && sudo apt-get {install}"));
        for part in missing.iter().filter(|part| part.packages.is_empty()) {
            say(format!("    {}: {}", part.name, part.remedy));
        }
        return Ok(Outcome::Missing);
    };
    for arguments in [&["update"][..], &install] {
        // Through `env`, for sudo does not pass the variable on.
        let quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
        let line = [privilege, &quiet, arguments].concat();
        say(format!("setup: {}", line.join(" ")));
        if !succeeds(Command::new(line[0]).args(&line[1..]))? {
            say("setup: apt-get failed; put right what it says above, then try again");
            return Ok(Outcome::Missing);
        }
    }

    let missing = parts::missing(purpose);
    for part in &missing {
        say(format!(
            "setup: {} is still missing ({}); get it with: {}",
            part.name, part.detail, part.remedy
        ));
    }
    Ok(if missing.is_empty() {
        say("setup: done");
        Outcome::Done
    } else {
        Outcome::Missing
    })
}

/// What to put before a command so that it has root's rights; `None` if nothing
/// helps.
pub(crate) fn privilege() -> Option<&'static [&'static str]> {
    let is_root = output(Command::new("id").arg("-u")).is_ok_and(|id| id == "0");
    let has_sudo = || output(Command::new("sudo").args(["--non-interactive", "true"])).is_ok();
    if is_root {
        Some(&[])
    } else if has_sudo() {
        Some(&["sudo", "--non-interactive"])
    } else {
        None
    }
}
