// SPDX-License-Identifier: MIT OR Apache-2.0

//! Installs missing prerequisites: targets of the compiler with `rustup`, all else with
//! `apt-get`.
//!
//! The latter as root, or with a `sudo` that asks for no password. Otherwise it prints
//! the exact command and stops.

use std::process::Command;

use anyhow::{Result, ensure};
use child::interrupt::interrupted;

use super::toolchain::Compiler;
use super::{COMPILERS, Prerequisite, Purpose, missing, packages};
use crate::terminal::{Outcome, print};
use crate::workspace::{output, succeeds};

/// Installs what is missing for `purpose`; prints nothing if nothing is.
pub(crate) fn ensure(purpose: Purpose) -> Result<Outcome> {
    let mut before = missing(purpose);
    // It ends the programs that are asked for their versions, too.
    ensure!(
        !interrupted(),
        "a signal has ended the search for prerequisites"
    );
    if before.is_empty() {
        return Ok(Outcome::Done);
    }
    for Prerequisite { name, detail, .. } in &before {
        print(format!("setup: {name} is missing ({detail})"));
    }
    if before.iter().any(|it| COMPILERS.contains(&it.name)) && add_targets()? {
        before = missing(purpose);
        if before.is_empty() {
            print("setup: done");
            return Ok(Outcome::Done);
        }
    }
    let packages = packages(&before);
    if packages.is_empty() || which::which("apt-get").is_err() {
        print("setup: cannot install on this system; install each one, then retry:");
        print_remedies(before.iter());
        return Ok(Outcome::Missing);
    }

    let install = [
        &["install", "--yes", "--no-install-recommends"],
        &*Vec::from_iter(packages),
    ]
    .concat();
    let Some(privilege) = privilege() else {
        let install = install.join(" ");
        print("setup: no right to install; run this, then retry:");
        print(format!("    sudo apt-get update && sudo apt-get {install}"));
        print_remedies(before.iter().filter(|it| it.packages.is_empty()));
        return Ok(Outcome::Missing);
    };
    for arguments in [&["update"][..], &install] {
        // Through `env`: sudo does not pass the variable on.
        let quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
        let line = [privilege, &quiet, arguments].concat();
        print(format!("setup: {}", line.join(" ")));
        if !succeeds(Command::new(line[0]).args(&line[1..]))? {
            print("setup: apt-get failed; correct what it reports above, then retry");
            return Ok(Outcome::Missing);
        }
    }

    let after = missing(purpose);
    for it in &after {
        print(format!(
            "setup: {} is still missing ({}); get it with: {}",
            it.name, it.detail, it.remedy
        ));
    }
    Ok(if after.is_empty() {
        print("setup: done");
        Outcome::Done
    } else {
        Outcome::Missing
    })
}

/// Adds the Windows targets to a toolchain that rustup manages, which saves building
/// their libraries from source. Returns `false` if that is not possible.
fn add_targets() -> Result<bool> {
    let Some(mut rustup) = Compiler::addition() else {
        return Ok(false);
    };
    let arguments = rustup.get_args().map(|word| word.to_string_lossy());
    print(format!(
        "setup: rustup {}",
        arguments.collect::<Vec<_>>().join(" ")
    ));
    let has_added = succeeds(&mut rustup)?;
    if !has_added {
        print("setup: rustup cannot add them here; another compiler is looked for");
    }
    Ok(has_added)
}

fn print_remedies<'a>(prerequisites: impl Iterator<Item = &'a Prerequisite>) {
    for Prerequisite { name, remedy, .. } in prerequisites {
        print(format!("    {name}: {remedy}"));
    }
}

/// The prefix that runs a command as root; `None` if there is no way.
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
