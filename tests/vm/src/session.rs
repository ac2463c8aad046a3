// SPDX-License-Identifier: MIT OR Apache-2.0

//! One machine from start to end.
//!
//! While a program runs in it, the session observes three things: events of QEMU's
//! monitor, whether the agent answers, and the program's output. A machine that restarts
//! has crashed. A machine that hangs gets an NMI, on which its kernel crashes and writes a
//! dump; if that fails, QEMU writes its memory. A marker on the disk shows whether the disk
//! after a restart is the same as before.

mod end;
#[cfg(all(test, feature = "sshd", target_os = "linux"))]
mod local_guest;
mod machine_control;
mod program;
mod run_directory;
#[cfg(all(test, feature = "sshd", target_os = "linux"))]
mod tests;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use child::interrupt::{Graceful, interrupted};

pub use self::end::{Failure, ProgramEnd};
use self::machine_control::MachineControl;
use self::run_directory::RunDirectory;
use crate::agent::Agent;
use crate::catalogue::Guest;

/// Timeout of a command in the guest.
const COMMAND: Duration = Duration::from_mins(5);
/// Timeout of a ping of the agent.
const PING: Duration = Duration::from_secs(5);
/// Interval of polling a machine.
const PERIOD: Duration = Duration::from_millis(250);
/// Timeout of a shutdown.
const POWER_OFF: Duration = Duration::from_mins(1);

/// A running machine; on drop it is removed.
pub struct Session<'a> {
    guest: &'a Guest,
    agent: Box<dyn Agent>,
    machine: MachineControl,
    directory: RunDirectory,
    /// The id of the current boot.
    boot: String,
    marker: String,
    /// A signal ends the session in the normal way, which removes the machine.
    _graceful: Graceful,
}

impl<'a> Session<'a> {
    /// Starts the machine and waits for its agent. Its local files are below `home`, where
    /// they are kept after an error.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or its agent does not answer in time.
    pub fn open(guest: &'a Guest, home: &Path) -> Result<Self> {
        let graceful = Graceful::begin();
        let directory = RunDirectory::make(&home.join("runs"), &guest.name)?;
        let (machine, agent) = MachineControl::begin(guest, directory.path(), home)?;
        let mut session = Self {
            guest,
            agent,
            machine,
            marker: directory.name(),
            directory,
            boot: String::new(),
            _graceful: graceful,
        };
        match session.await_start(|_| true) {
            Ok(()) => Ok(session),
            Err(error) => Err(session.fail(error)),
        }
    }

    /// Removes a machine that has failed; adds the directory of its files to `error`.
    #[must_use]
    pub fn fail(self, error: Error) -> Error {
        if error.downcast_ref() == Some(&Failure::Interrupted) {
            // After an error the directory remains.
            let _ = self.directory.remove();
            return error;
        }
        anyhow!("{error:#}: see {}", self.home().display())
    }

    /// The directory of the machine's local files.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.directory.path()
    }

    /// The machine's accelerator, if it is known.
    #[must_use]
    pub fn accelerator(&self) -> Option<&'static str> {
        self.machine.accelerator()
    }

    /// Empties the guest's directory for a run, and copies the content of `directory` into
    /// it.
    ///
    /// # Errors
    ///
    /// If a file cannot be copied.
    pub fn push(&mut self, directory: &Path) -> Result<()> {
        self.run_line(self.guest.profile.clear)?;
        let to = self.guest.profile.directory.to_owned();
        self.push_into(directory, &to)
    }

    /// Copies into `to`, which exists and ends with a separator.
    fn push_into(&mut self, directory: &Path, to: &str) -> Result<()> {
        let entries = fs::read_dir(directory)
            .with_context(|| format!("{} cannot be read", directory.display()))?;
        for entry in entries {
            ensure!(!interrupted(), Failure::Interrupted);
            let entry = entry?;
            let there = format!("{to}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.run_line(&format!("mkdir {there}"))?;
                let separator = self.guest.profile.separator();
                self.push_into(&entry.path(), &format!("{there}{separator}"))?;
            } else {
                self.agent.put(&entry.path(), &there)?;
            }
        }
        Ok(())
    }

    /// Configures crash dumps, and restarts the machine so that this takes effect. The
    /// package must have been pushed.
    ///
    /// # Errors
    ///
    /// If a step fails.
    pub fn prepare(&mut self) -> Result<()> {
        let profile = self.guest.profile;
        for line in profile.prepare {
            self.run_line(line)?;
        }
        let before = self.boot.clone();
        // The guest may restart before the agent answers.
        let _ = self.agent.run(profile.restart, PING);
        self.await_start(|boot| boot != before)
            .context("the guest does not answer after a restart")?;
        for line in profile.check {
            self.run_line(line)?;
        }
        Ok(())
    }

    /// The machine's properties for the report.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    pub fn facts(&mut self) -> Result<Vec<(&'static str, String)>> {
        let facts = self.guest.profile.facts.iter();
        facts
            .map(|&(name, line)| Ok((name, self.run_line(line)?)))
            .collect()
    }

    /// Runs the stress program with `arguments` to its end; `on_line` is called for each
    /// line that it prints. Afterwards its dumps and logs are in the local directory.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn stress(
        &mut self,
        arguments: &[String],
        on_line: impl FnMut(&str),
    ) -> Result<ProgramEnd> {
        let line = self.guest.profile.run.replace("{}", &arguments.join(" "));
        self.run_program(&line, on_line)
    }

    /// Runs a command line in the guest's shell to its end; `on_line` is called for each
    /// line that it prints.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn shell(&mut self, line: &str, on_line: impl FnMut(&str)) -> Result<ProgramEnd> {
        self.run_line(self.guest.profile.clear)?;
        let output = self.guest.profile.path(crate::profile::OUTPUT);
        self.run_program(&format!("( {line} ) > {output} 2>&1"), on_line)
    }

    /// Shuts the machine down; with `keep`, its local files are kept.
    ///
    /// # Errors
    ///
    /// If the user's end command fails.
    pub fn close(mut self, keep: bool) -> Result<()> {
        let profile = self.guest.profile;
        if self.machine.is_here() {
            if !interrupted() && self.agent.start(profile.power_off).is_ok() {
                self.machine.await_end(POWER_OFF);
            }
        } else if self.agent.answers(PING) {
            // Fails while a hanging program has the files open.
            let _ = self.run_line(profile.clear);
        }
        self.machine.end()?;
        if !keep {
            self.directory.remove()?;
        }
        Ok(())
    }

    /// Runs a command line that must succeed, and returns its output.
    fn run_line(&mut self, line: &str) -> Result<String> {
        self.agent.run(line, COMMAND)?.succeeded(line)
    }

    /// Waits until the agent answers in a boot whose id is `wanted`.
    fn await_start(&mut self, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < self.guest.boot {
            ensure!(!interrupted(), Failure::Interrupted);
            if let Some(how) = self.machine.gone() {
                bail!(Failure::Gone(how));
            }
            if self.agent.answers(PING)
                && let Ok(boot) = self.run_line(self.guest.profile.boot)
                && wanted(&boot)
            {
                self.boot = boot;
                return Ok(());
            }
            thread::sleep(PERIOD);
        }
        bail!(
            "the guest's agent does not answer within {} s",
            self.guest.boot.as_secs()
        )
    }
}
