// SPDX-License-Identifier: MIT OR Apache-2.0

//! Control of a machine from outside, local or remote.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::agent::Agent;
use crate::agent::ssh::SshAgent;
use crate::catalogue::{Guest, Place};
#[cfg(unix)]
use crate::{agent::qemu::QemuAgent, machine::Machine, monitor::MachineEvent};

/// A machine, controlled from outside.
pub(super) enum MachineControl {
    /// It is booted on this host.
    #[cfg(unix)]
    Here(Box<Machine>),
    /// It runs elsewhere.
    Elsewhere(EndCommand),
}

/// The user's command for the end of a session; on drop it is run, too.
pub(super) struct EndCommand(Option<Vec<String>>);

impl Drop for EndCommand {
    fn drop(&mut self) {
        // The failure of the session has been reported.
        let _ = command(self.0.take().as_ref());
    }
}

/// The events of a machine since the last poll.
#[derive(Debug, Default)]
pub(super) struct MachineEvents {
    /// Its kernel crashed, or it restarted.
    pub(super) crashed: bool,
    /// The kernel's message to the hypervisor.
    pub(super) message: Option<String>,
    pub(super) powered_off: bool,
    pub(super) no_space: bool,
    /// Whether the agent has opened or closed its channel.
    pub(super) agent: Option<bool>,
}

impl MachineControl {
    /// Starts the machine of `guest`, and returns its agent as well.
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
                let ending = EndCommand(end.clone());
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

    /// The reason why the machine is gone; `None` while it exists.
    pub(super) fn gone(&mut self) -> Option<String> {
        match self {
            #[cfg(unix)]
            Self::Here(machine) => machine.gone(),
            Self::Elsewhere(_) => None,
        }
    }

    /// The events since the last poll.
    #[cfg_attr(
        not(unix),
        expect(clippy::unused_self, reason = "only for local machines")
    )]
    pub(super) fn poll_events(&mut self) -> MachineEvents {
        #[cfg_attr(not(unix), expect(unused_mut, reason = "only for local machines"))]
        let mut events = MachineEvents::default();
        #[cfg(unix)]
        if let Self::Here(machine) = self {
            // Without an answer QEMU has exited, or is about to.
            for happening in machine.monitor.poll().unwrap_or_default() {
                match happening {
                    MachineEvent::Panicked(message) => {
                        events.crashed = true;
                        events.message = message;
                    }
                    MachineEvent::Restarted => events.crashed = true,
                    MachineEvent::PoweredOff => events.powered_off = true,
                    MachineEvent::NoSpace => events.no_space = true,
                    MachineEvent::Agent(there) => events.agent = Some(there),
                }
            }
        }
        events
    }

    /// Sends an NMI to a local machine. Returns `true` if it was sent.
    pub(super) fn interrupt(&mut self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Here(machine) => machine.monitor.interrupt().is_ok(),
            Self::Elsewhere(_) => false,
        }
    }

    /// Writes a local machine's memory to `path`. Returns `true` if it was written.
    #[cfg_attr(
        not(unix),
        expect(unused_variables, reason = "only for local machines")
    )]
    pub(super) fn dump(&mut self, path: &Path, format: &str) -> bool {
        match self {
            #[cfg(unix)]
            Self::Here(machine) => machine.monitor.dump(path, format).is_ok(),
            Self::Elsewhere(_) => false,
        }
    }

    /// Waits until a local machine is off.
    #[cfg_attr(
        not(unix),
        expect(
            unused_variables,
            clippy::unused_self,
            reason = "only for local machines"
        )
    )]
    pub(super) fn await_end(&mut self, patience: Duration) {
        #[cfg(unix)]
        if let Self::Here(machine) = self {
            machine.await_end(patience);
        }
    }

    /// Ends it.
    pub(super) fn end(self) -> Result<()> {
        match self {
            #[cfg(unix)]
            Self::Here(machine) => drop(machine),
            Self::Elsewhere(mut end) => command(end.0.take().as_ref())?,
        }
        Ok(())
    }
}

/// Runs a command of the user.
fn command(words: Option<&Vec<String>>) -> Result<()> {
    let Some([program, arguments @ ..]) = words.map(Vec::as_slice) else {
        return Ok(());
    };
    let status = Command::new(program).args(arguments).status();
    let status = status.with_context(|| format!("{program} cannot be run: correct vm.toml"))?;
    ensure!(status.success(), "{program} exited with {status}");
    Ok(())
}
