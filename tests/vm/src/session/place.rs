// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is done to a machine from outside, wherever it is.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::agent::Agent;
use crate::agent::ssh::SshAgent;
use crate::catalogue::{Guest, Place};
#[cfg(unix)]
use crate::{agent::qemu::QemuAgent, machine::Machine, monitor::Happening};

/// A machine, as seen from outside.
pub(super) enum Machinery {
    /// It is booted here.
    #[cfg(unix)]
    Here(Box<Machine>),
    /// Someone else runs it.
    Elsewhere(Ending),
}

/// The user's command that is run when a machine is no longer needed, however
/// that comes.
pub(super) struct Ending(Option<Vec<String>>);

impl Drop for Ending {
    fn drop(&mut self) {
        // What made its session fail is told already.
        let _ = command(self.0.take().as_ref());
    }
}

/// What has been seen since the last look.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Its kernel gave up, or it starts anew.
    pub(super) crashed: bool,
    /// The kernel's last words.
    pub(super) words: Option<String>,
    pub(super) powered_off: bool,
    pub(super) no_space: bool,
    /// Whether the agent has come or gone.
    pub(super) agent: Option<bool>,
}

impl Machinery {
    /// Starts the machine of `guest`; answers who acts in it, too.
    pub(super) fn begin(
        guest: &Guest,
        directory: &Path,
        memory: &Path,
    ) -> Result<(Self, Box<dyn Agent>)> {
        match &guest.place {
            #[cfg(unix)]
            Place::Here(hardware) => {
                let machine = Machine::start(hardware, guest.profile, directory, memory)?;
                let agent = QemuAgent::new(machine.channel(), guest.profile.shell);
                Ok((Self::Here(Box::new(machine)), Box::new(agent)))
            }
            #[cfg(not(unix))]
            Place::Here(_) => {
                let _ = (directory, memory);
                anyhow::bail!(
                    "machines are booted on Unix hosts only: run it yourself, and give {} an ssh \
                     server in vm.toml",
                    guest.name
                )
            }
            Place::Elsewhere { ssh, begin, end } => {
                command(begin.as_ref())?;
                let ending = Ending(end.clone());
                let agent = SshAgent::new(ssh.clone(), guest.heartbeat)?;
                Ok((Self::Elsewhere(ending), Box::new(agent)))
            }
        }
    }

    pub(super) const fn is_here(&self) -> bool {
        !matches!(self, Self::Elsewhere(_))
    }

    pub(super) fn accelerator(&self) -> Option<&'static str> {
        match self {
            #[cfg(unix)]
            Self::Here(machine) => Some(machine.accelerator.name()),
            Self::Elsewhere(_) => None,
        }
    }

    /// How it came that there is no machine any more, if there is none.
    pub(super) fn gone(&mut self) -> Option<String> {
        match self {
            #[cfg(unix)]
            Self::Here(machine) => machine.gone(),
            Self::Elsewhere(_) => None,
        }
    }

    /// What has happened since the last look.
    #[cfg_attr(not(unix), expect(clippy::unused_self, reason = "nobody tells"))]
    pub(super) fn look(&mut self) -> Seen {
        #[cfg_attr(not(unix), expect(unused_mut, reason = "nobody tells"))]
        let mut seen = Seen::default();
        #[cfg(unix)]
        if let Self::Here(machine) = self {
            // Without an answer QEMU is gone, or will be.
            for happening in machine.monitor.poll().unwrap_or_default() {
                match happening {
                    Happening::Panicked(words) => {
                        seen.crashed = true;
                        seen.words = words;
                    }
                    Happening::Restarted => seen.crashed = true,
                    Happening::PoweredOff => seen.powered_off = true,
                    Happening::NoSpace => seen.no_space = true,
                    Happening::Agent(there) => seen.agent = Some(there),
                }
            }
        }
        seen
    }

    /// Wakes a machine that hangs, if that can be done from outside.
    pub(super) fn interrupt(&mut self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Here(machine) => machine.monitor.interrupt().is_ok(),
            Self::Elsewhere(_) => false,
        }
    }

    /// Writes the machine's memory to `path`, if that can be done from outside.
    #[cfg_attr(not(unix), expect(unused_variables, reason = "never from outside"))]
    pub(super) fn dump(&mut self, path: &Path, format: &str) -> bool {
        match self {
            #[cfg(unix)]
            Self::Here(machine) => machine.monitor.dump(path, format).is_ok(),
            Self::Elsewhere(_) => false,
        }
    }

    /// Waits until it is off.
    #[cfg_attr(
        not(unix),
        expect(unused_variables, clippy::unused_self, reason = "never here")
    )]
    pub(super) fn await_end(&mut self, patience: Duration) {
        #[cfg(unix)]
        if let Self::Here(machine) = self {
            machine.await_end(patience);
        }
    }

    /// Lets go of it.
    pub(super) fn end(self) -> Result<()> {
        match self {
            #[cfg(unix)]
            Self::Here(machine) => drop(machine),
            Self::Elsewhere(mut end) => command(end.0.take().as_ref())?,
        }
        Ok(())
    }
}

/// Runs one of the user's commands.
fn command(words: Option<&Vec<String>>) -> Result<()> {
    let Some([program, arguments @ ..]) = words.map(Vec::as_slice) else {
        return Ok(());
    };
    let status = Command::new(program).args(arguments).status();
    let status = status.with_context(|| format!("{program} cannot be run: correct vm.toml"))?;
    ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}
