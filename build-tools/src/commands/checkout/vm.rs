// SPDX-License-Identifier: MIT OR Apache-2.0

//! `vm`: lists, makes and uses the machines that can run the pair.

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use vm::{Failure, Guest, Place, ProgramEnd, REHEARSAL, Session};

use crate::machines::{self, Guests};
use crate::terminal::PROGRAM;
use crate::terminal::{Outcome, Verdict, Waiting, Word, print};
use crate::workspace::Workspace;

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask vm create                           make the disk of the guest `rehearsal`
  cargo xtask vm run rehearsal -- uname -a        run a command in it")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    guests: Guests,
}

#[derive(Subcommand)]
enum Command {
    /// List the guests.
    List,
    /// Make the disk of the guest `rehearsal`: Debian with Wine.
    Create {
        /// The guest; only `rehearsal` can be made.
        #[arg(default_value = REHEARSAL)]
        name: String,
    },
    /// Boot a guest, run a command in it, and discard its changes.
    Run {
        /// The guest.
        name: String,
        /// Command line for the guest's shell.
        #[arg(last = true, required = true)]
        line: Vec<String>,
    },
    /// Remove the disk that `create` has made.
    Destroy {
        /// The guest; only `rehearsal` can be made.
        #[arg(default_value = REHEARSAL)]
        name: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    let workspace = Workspace::checkout()?;
    match &arguments.command {
        Command::List => list(&workspace, &arguments.guests),
        Command::Create { name } => {
            only_rehearsal(name)?;
            match machines::create_rehearsal(&workspace)? {
                Outcome::Done => Ok(Verdict::pass(format!("{REHEARSAL} can be booted"))),
                other => Ok(other.into()),
            }
        }
        Command::Run { name, line } => {
            let catalogue = arguments.guests.read(&workspace)?;
            run_line(&workspace, catalogue.find(name)?, &line.join(" "))
        }
        Command::Destroy { name } => {
            only_rehearsal(name)?;
            let existed = machines::rehearsal_disk(&workspace).remove()?;
            Ok(Verdict::pass(if existed {
                "the rehearsal's disk is removed"
            } else {
                "there was nothing to remove"
            }))
        }
    }
}

fn only_rehearsal(name: &str) -> Result<()> {
    ensure!(
        name == REHEARSAL,
        "{REHEARSAL} is the only guest that can be made: describe others in vm.toml"
    );
    Ok(())
}

fn list(workspace: &Workspace, guests: &Guests) -> Result<Verdict> {
    let disk = machines::rehearsal_disk(workspace);
    for guest in guests.read(workspace)?.guests() {
        let place = match &guest.place {
            Place::Here(hardware) if guest.name == REHEARSAL && !disk.is_made() => format!(
                "not made: {PROGRAM} vm create {REHEARSAL} ({} MiB, {} processors)",
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
        print(format!(
            "{:<16}{:<11}{place}",
            guest.name, guest.profile.name
        ));
    }
    Ok(Verdict::of_a_list())
}

fn run_line(workspace: &Workspace, guest: &Guest, line: &str) -> Result<Verdict> {
    match machines::ensure_ready(workspace, guest)? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    let waiting = Waiting::on(&format!("booting {}", guest.name));
    let mut session = Session::open(guest, &machines::home(workspace))?;
    drop(waiting);
    let end = session.shell(line, |line| print(line))?;
    let home = session.home().to_owned();
    let succeeded = end == ProgramEnd::Exited(0);
    session.close(!succeeded)?;
    let verdict = match end {
        ProgramEnd::Exited(0) => return Ok(Verdict::pass("the command exited with 0")),
        ProgramEnd::Exited(status) => Verdict::fail(format!("the command exited with {status}")),
        ProgramEnd::Failed(Failure::Interrupted) => Verdict::new(
            Word::Interrupted,
            "the command did not end; the guest was removed",
        ),
        ProgramEnd::Failed(failure) => Verdict::fail(failure.to_string()),
    };
    print(format!("vm: files of the run are in {}", home.display()));
    Ok(verdict)
}
