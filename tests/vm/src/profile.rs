// SPDX-License-Identifier: MIT OR Apache-2.0

//! The profile of an operating system: commands and paths for running the pair in it.
//!
//! All differences between operating systems are data here; the steps of a session are
//! the same for each.

mod rehearsal;
mod windows;

use anyhow::{Context, Result};

/// An operating system. Commands are lines for its shell, and paths are its own.
#[derive(Debug)]
pub struct Profile {
    /// Its name in `vm.toml`.
    pub name: &'static str,
    /// The tier whose scenarios the stress program runs.
    pub tier: &'static str,
    /// The shell, and its arguments before a command line.
    #[cfg_attr(not(unix), expect(dead_code, reason = "SSH has a shell already"))]
    pub(crate) shell: &'static [&'static str],
    /// The directory of a run's files, with a separator at its end.
    pub directory: &'static str,
    /// Makes that directory, or empties it.
    pub(crate) clear: &'static str,
    /// Prints the boot id, which changes with every start of the machine.
    pub(crate) boot: &'static str,
    /// Flushes all files to the disk.
    pub(crate) flush: &'static str,
    /// Prints the marker of the run, a file in `directory`.
    pub(crate) marker: &'static str,
    /// Properties of a machine for the report, with the command that prints each.
    pub(crate) facts: &'static [(&'static str, &'static str)],
    /// Configure the machine; takes effect at the next start.
    pub(crate) prepare: &'static [&'static str],
    /// Restarts the machine.
    pub(crate) restart: &'static str,
    /// Fail, and print why, if the configuration did not take effect.
    pub(crate) check: &'static [&'static str],
    /// Runs the stress program with the arguments `{}`, and redirects its output to
    /// [`OUTPUT`] and [`LOG`].
    pub(crate) run: &'static str,
    /// If open files cannot be read: the command that copies [`OUTPUT`], and the name of
    /// the copy.
    pub(crate) copy_output: Option<(&'static str, &'static str)>,
    /// Collect traces of a crash in `directory`; a command fails if there is none.
    pub(crate) gather: &'static [&'static str],
    /// Prints the paths of the files to collect after a crash.
    pub(crate) evidence: &'static str,
    /// Powers the machine off.
    pub(crate) power_off: &'static str,
    /// The virtual hardware.
    pub(crate) hardware: Hardware,
}

/// The virtual hardware that an operating system needs.
#[derive(Debug)]
#[cfg_attr(not(unix), expect(dead_code, reason = "machines are booted on Unix"))]
pub(crate) struct Hardware {
    /// QEMU's machine type.
    pub(crate) machine: &'static str,
    /// The processor model with KVM.
    pub(crate) kvm: &'static str,
    /// The processor model with TCG.
    pub(crate) tcg: &'static str,
    /// The bus of the disk.
    pub(crate) disk: &'static str,
    /// Other devices.
    pub(crate) devices: &'static [&'static str],
    /// The format of memory dumps, for its debugger.
    pub(crate) dump: &'static str,
}

/// The file with the stress program's output.
pub(crate) const OUTPUT: &str = "out.jsonl";
/// The file with the stress program's log.
pub const LOG: &str = "session.log";
/// The name of a collected crash dump.
pub const DUMP: &str = "MEMORY.DMP";

impl Profile {
    /// Debian with Wine.
    pub const REHEARSAL: Self = rehearsal::PROFILE;
    /// Windows 10, 11 and Server.
    pub const WINDOWS: Self = windows::PROFILE;

    const ALL: [&'static Self; 2] = [&Self::WINDOWS, &Self::REHEARSAL];

    /// The profile of this name.
    pub(crate) fn find(name: &str) -> Result<&'static Self> {
        let found = Self::ALL.into_iter().find(|profile| profile.name == name);
        found.with_context(|| {
            let names = Self::ALL.map(|profile| profile.name).join(", ");
            format!("there is no profile {name}: the profiles are {names}")
        })
    }

    /// The guest's path of a file of the run.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        format!("{}{name}", self.directory)
    }

    /// The separator of its paths.
    pub(crate) fn separator(&self) -> &str {
        &self.directory[self.directory.len() - 1..]
    }

    /// The file name in a path of the guest.
    pub(crate) fn name_of(path: &str) -> &str {
        path.rsplit(['\\', '/']).next().unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_redirects_the_output() {
        for profile in Profile::ALL {
            assert!(profile.run.contains("{}"), "{}", profile.name);
            for file in [OUTPUT, LOG] {
                assert!(
                    profile.run.contains(&profile.path(file)),
                    "{}",
                    profile.name
                );
            }
            assert!(profile.directory.ends_with(['\\', '/']), "{}", profile.name);
        }
        assert_eq!(Profile::name_of(r"C:\Windows\MEMORY.DMP"), DUMP);
    }
}
