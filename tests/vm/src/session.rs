// SPDX-License-Identifier: MIT OR Apache-2.0

//! One machine from its start to its end.
//!
//! While a program runs in it, the session hears three things: what QEMU's
//! monitor tells of the machine, whether the agent answers, and what the program
//! prints. A machine that starts anew has crashed; one that says nothing is woken
//! by an interrupt that its kernel takes for a crash, so that it leaves a dump;
//! where that does not help, QEMU writes its memory. A marker tells whether the
//! disk that is there after a restart is the one that was there before.

mod directory;
#[cfg(all(test, feature = "sshd", target_os = "linux"))]
mod endings;
#[cfg(all(test, feature = "sshd", target_os = "linux"))]
mod lab;
mod place;
mod trouble;
mod watch;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};

use self::directory::Directory;
use self::place::Machinery;
pub use self::trouble::{End, Trouble};
use crate::agent::Agent;
use crate::catalogue::Guest;
use crate::interrupt::{self, interrupted};

/// How long one of the guest's own commands may take.
const COMMAND: Duration = Duration::from_mins(5);
/// How long one question whether the agent answers may take.
const QUESTION: Duration = Duration::from_secs(5);
/// Between two looks at a machine.
const PERIOD: Duration = Duration::from_millis(250);
/// How long a machine may take to shut down.
const POWER_OFF: Duration = Duration::from_mins(1);

/// A machine that is on; it is gone when this is dropped.
pub struct Session<'a> {
    guest: &'a Guest,
    agent: Box<dyn Agent>,
    machinery: Machinery,
    directory: Directory,
    /// Of the start that the machine is in.
    boot: String,
    marker: String,
}

impl<'a> Session<'a> {
    /// Starts the machine and waits for its agent. Its files at home go below
    /// `home`, where they stay if anything goes wrong.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or its agent does not answer in time.
    pub fn open(guest: &'a Guest, home: &Path) -> Result<Self> {
        interrupt::listen();
        let directory = Directory::make(&home.join("runs"), &guest.name)?;
        let (machinery, agent) = Machinery::begin(guest, directory.path(), home)?;
        let mut session = Self {
            guest,
            agent,
            machinery,
            marker: directory.name(),
            directory,
            boot: String::new(),
        };
        match session.await_start(|_| true) {
            Ok(()) => Ok(session),
            Err(error) => Err(session.fail(error)),
        }
    }

    /// Lets go of a machine that `error` has made useless; answers it with where
    /// the machine's files are.
    #[must_use]
    pub fn fail(self, error: Error) -> Error {
        if error.downcast_ref() == Some(&Trouble::Interrupted) {
            // It is at worst left behind.
            let _ = self.directory.remove();
            return error;
        }
        anyhow!("{error:#}: see {}", self.home().display())
    }

    /// Where the machine's files at home are.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.directory.path()
    }

    /// What runs its code, if that is known.
    #[must_use]
    pub fn accelerator(&self) -> Option<&'static str> {
        self.machinery.accelerator()
    }

    /// Copies what is in `directory` into the guest's directory for a run, which is
    /// empty but for it.
    ///
    /// # Errors
    ///
    /// If a file cannot be copied.
    pub fn push(&mut self, directory: &Path) -> Result<()> {
        self.run_line(self.guest.profile.clear)?;
        let to = self.guest.profile.directory.to_owned();
        self.push_into(directory, &to)
    }

    /// `to` is there, and ends with a separator.
    fn push_into(&mut self, directory: &Path, to: &str) -> Result<()> {
        let entries = fs::read_dir(directory)
            .with_context(|| format!("{} cannot be read", directory.display()))?;
        for entry in entries {
            ensure!(!interrupted(), Trouble::Interrupted);
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

    /// Sets the machine up for a crash, and restarts it so that this takes effect;
    /// what it needs for that has been pushed.
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
        // It may be gone before it can answer.
        let _ = self.agent.run(profile.restart, QUESTION);
        self.await_start(|boot| boot != before)
            .context("the guest does not come back from a restart")?;
        for line in profile.check {
            self.run_line(line)?;
        }
        Ok(())
    }

    /// What is worth knowing of the machine.
    ///
    /// # Errors
    ///
    /// If it does not tell.
    pub fn facts(&mut self) -> Result<Vec<(&'static str, String)>> {
        let facts = self.guest.profile.facts.iter();
        facts
            .map(|&(name, line)| Ok((name, self.run_line(line)?)))
            .collect()
    }

    /// Runs the stress program with `arguments` to its end; `hear` is given each
    /// line that it prints. What is left of it is at home then.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn stress(&mut self, arguments: &[String], hear: impl FnMut(&str)) -> Result<End> {
        let line = self.guest.profile.run.replace("{}", &arguments.join(" "));
        self.watch(&line, hear)
    }

    /// Runs a line of the guest's shell to its end; `hear` is given each line that
    /// it prints.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn shell(&mut self, line: &str, hear: impl FnMut(&str)) -> Result<End> {
        self.run_line(self.guest.profile.clear)?;
        let output = self.guest.profile.path(crate::profile::OUTPUT);
        self.watch(&format!("( {line} ) > {output} 2>&1"), hear)
    }

    /// Shuts the machine down; `keep` leaves its files at home.
    ///
    /// # Errors
    ///
    /// If a command of the user's that ends it fails.
    pub fn close(mut self, keep: bool) -> Result<()> {
        let profile = self.guest.profile;
        if self.machinery.is_here() {
            if !interrupted() && self.agent.start(profile.power_off).is_ok() {
                self.machinery.await_end(POWER_OFF);
            }
        } else if self.agent.answers(QUESTION) {
            // A program that hangs holds its files.
            let _ = self.run_line(profile.clear);
        }
        self.machinery.end()?;
        if !keep {
            self.directory.remove()?;
        }
        Ok(())
    }

    /// What `line` prints; it must succeed.
    fn run_line(&mut self, line: &str) -> Result<String> {
        self.agent.run(line, COMMAND)?.succeeded(line)
    }

    /// Waits until the machine is in a start that is `wanted`.
    fn await_start(&mut self, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < self.guest.boot {
            ensure!(!interrupted(), Trouble::Interrupted);
            if let Some(how) = self.machinery.gone() {
                bail!(Trouble::Gone(how));
            }
            if self.agent.answers(QUESTION)
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
