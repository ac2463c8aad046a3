// SPDX-License-Identifier: MIT OR Apache-2.0

//! The virtual and remote machines that can run the pair: their descriptions, files and
//! prerequisites.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;
use vm::{Catalogue, Guest, Place, REHEARSAL, RehearsalDisk};

use crate::prerequisites::{self, Purpose};
use crate::terminal::PROGRAM;
use crate::terminal::{Outcome, Waiting, print};
use crate::workspace::Workspace;

/// The option that names the file of guests.
#[derive(Args, Clone, Debug)]
pub(crate) struct Guests {
    /// File that describes the guests [default: vm.toml in the workspace].
    #[arg(long, value_name = "FILE", global = true)]
    guests: Option<PathBuf>,
}

impl Guests {
    /// Reads the catalogue of guests.
    pub(crate) fn read(&self, workspace: &Workspace) -> Result<Catalogue> {
        let file = match &self.guests {
            Some(file) => {
                let shown = file.display();
                ensure!(
                    file.is_file(),
                    "--guests {shown} is not a file: name one like vm.toml"
                );
                file.clone()
            }
            None => workspace.root().join("vm.toml"),
        };
        Catalogue::read(&file, &rehearsal_disk(workspace))
    }
}

/// The directory of all files of machines.
pub(crate) fn home(workspace: &Workspace) -> PathBuf {
    workspace.target().join("vm")
}

/// The disk of the rehearsal guest.
pub(crate) fn rehearsal_disk(workspace: &Workspace) -> RehearsalDisk {
    RehearsalDisk::new(&home(workspace).join(REHEARSAL))
}

/// Ensures the prerequisites of a guest; refuses a guest whose disk does not exist.
pub(crate) fn ensure_ready(workspace: &Workspace, guest: &Guest) -> Result<Outcome> {
    if guest.name == REHEARSAL {
        ensure!(
            rehearsal_disk(workspace).is_made(),
            "the disk of {REHEARSAL} does not exist or is out of date: {PROGRAM} vm create \
             {REHEARSAL}"
        );
    }
    match guest.place {
        Place::Here(_) => prerequisites::ensure(Purpose::Vm),
        // It gets a package.
        Place::Elsewhere { .. } => prerequisites::ensure(Purpose::Package),
    }
}

/// Makes the disk of the rehearsal guest, unless it is up to date.
pub(crate) fn create_rehearsal(workspace: &Workspace) -> Result<Outcome> {
    let disk = rehearsal_disk(workspace);
    if disk.is_made() {
        print("vm: the rehearsal's disk is up to date");
        return Ok(Outcome::Done);
    }
    match prerequisites::ensure(Purpose::Vm)? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    let Some(privilege) = prerequisites::privilege() else {
        bail!("only root can make a disk with files of other users: run this as root or with sudo")
    };
    let waiting = Waiting::on("making the rehearsal's disk");
    disk.make(privilege, |step| {
        print(format!("vm: {}", step.what()));
        waiting.now_on(&format!("making the rehearsal's disk ({})", step.what()));
    })?;
    print("vm: made the rehearsal's disk");
    Ok(Outcome::Done)
}
