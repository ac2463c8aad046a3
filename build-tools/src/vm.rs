// SPDX-License-Identifier: MIT OR Apache-2.0

//! `vm`: the machines that can run the pair.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::{Args, Subcommand};
use vm::{Catalogue, End, Guest, Image, Place, REHEARSAL, Session};

use crate::outcome::Outcome;
use crate::parts::Purpose;
use crate::screen::{self, say};
use crate::setup;
use crate::workspace::Workspace;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    guests: Guests,
}

/// Where guests are described.
#[derive(Args, Clone, Debug)]
pub(crate) struct Guests {
    /// The file that describes guests; vm.toml in the workspace unless given.
    #[arg(long, value_name = "FILE", global = true)]
    guests: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Say which guests there are.
    List,
    /// Make the guest `rehearsal`: a Debian with Wine, of Debian's packages.
    Create {
        /// There is one that can be made.
        #[arg(default_value = REHEARSAL)]
        name: String,
    },
    /// Boot a guest, run a command in it, and throw away what it changed.
    Run {
        /// The guest.
        name: String,
        /// A line of the guest's shell.
        #[arg(last = true, required = true)]
        line: Vec<String>,
    },
    /// Remove what `create` has made.
    Destroy {
        /// There is one that can be made.
        #[arg(default_value = REHEARSAL)]
        name: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let workspace = Workspace::find()?;
    match &arguments.command {
        Command::List => list(&workspace, &arguments.guests),
        Command::Create { name } => {
            only_rehearsal(name)?;
            create(&workspace)
        }
        Command::Run { name, line } => {
            let catalogue = arguments.guests.read(&workspace)?;
            run_line(&workspace, catalogue.find(name)?, &line.join(" "))
        }
        Command::Destroy { name } => {
            only_rehearsal(name)?;
            let there_was = image(&workspace).remove()?;
            say(if there_was {
                "vm: the rehearsal's disk is removed"
            } else {
                "vm: there is nothing to remove"
            });
            Ok(Outcome::Done)
        }
    }
}

impl Guests {
    /// The guests that there are.
    pub(crate) fn read(&self, workspace: &Workspace) -> Result<Catalogue> {
        let file = match &self.guests {
            Some(file) => {
                let shown = file.display();
                ensure!(
                    file.is_file(),
                    "--guests {shown} is no file: name one like vm.toml"
                );
                file.clone()
            }
            None => workspace.root().join("vm.toml"),
        };
        Catalogue::read(&file, &image(workspace))
    }
}

/// Where everything about machines is.
pub(crate) fn home(workspace: &Workspace) -> PathBuf {
    workspace.target().join("vm")
}

/// The rehearsal's disk.
pub(crate) fn image(workspace: &Workspace) -> Image {
    Image::new(&home(workspace).join(REHEARSAL))
}

/// Refuses a guest whose disk is yet to be made, or that needs what is not here.
pub(crate) fn ensure_ready(workspace: &Workspace, guest: &Guest) -> Result<Outcome> {
    if guest.name == REHEARSAL {
        ensure!(
            image(workspace).is_made(),
            "the disk of {REHEARSAL} is not made, or by an older recipe: cargo xtask vm create \
             {REHEARSAL}"
        );
    }
    match guest.place {
        Place::Here(_) => setup::ensure(Purpose::Vm),
        // A package is made for it.
        Place::Elsewhere { .. } => setup::ensure(Purpose::Package),
    }
}

fn only_rehearsal(name: &str) -> Result<()> {
    ensure!(
        name == REHEARSAL,
        "{REHEARSAL} is the only guest that can be made: describe others in vm.toml"
    );
    Ok(())
}

fn list(workspace: &Workspace, guests: &Guests) -> Result<Outcome> {
    let image = image(workspace);
    for guest in guests.read(workspace)?.guests() {
        let place = match &guest.place {
            Place::Here(hardware) if guest.name == REHEARSAL && !image.is_made() => format!(
                "not made: cargo xtask vm create {REHEARSAL} ({} MiB, {} processors)",
                hardware.memory, hardware.processors
            ),
            Place::Here(hardware) => format!(
                "{} ({} MiB, {} processors)",
                hardware.disk.display(),
                hardware.memory,
                hardware.processors
            ),
            Place::Elsewhere { ssh, .. } => format!("ssh {}", ssh.host),
        };
        say(format!(
            "{:<16}{:<11}{place}",
            guest.name, guest.profile.name
        ));
    }
    Ok(Outcome::Done)
}

/// Makes the rehearsal's disk, unless this recipe has made it already.
pub(crate) fn create(workspace: &Workspace) -> Result<Outcome> {
    let image = image(workspace);
    if image.is_made() {
        say("vm: the rehearsal's disk is there already");
        return Ok(Outcome::Done);
    }
    match setup::ensure(Purpose::Vm)? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    let Some(privilege) = setup::privilege() else {
        bail!("a disk with the files of other users is made by root: run this as root or with sudo")
    };
    image.make(privilege, |step| say(format!("vm: {}", step.what())))?;
    say("vm: the rehearsal's disk is made");
    Ok(Outcome::Done)
}

fn run_line(workspace: &Workspace, guest: &Guest, line: &str) -> Result<Outcome> {
    match ensure_ready(workspace, guest)? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    say(format!("vm: boot {}", guest.name));
    let mut session = Session::open(guest, &home(workspace))?;
    let end = session.shell(line, |said| say(said))?;
    let home = session.home().to_owned();
    let went_well = end == End::Exited(0);
    session.close(!went_well)?;
    match end {
        End::Exited(0) => return Ok(Outcome::Done),
        End::Exited(status) => screen::error(format!("the command ended with {status}")),
        End::Trouble(trouble) => screen::error(trouble),
    }
    say(format!("vm: what is left is in {}", home.display()));
    Ok(Outcome::Found)
}
