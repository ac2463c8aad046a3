// SPDX-License-Identifier: MIT OR Apache-2.0

//! An operating system, as far as running the pair in it goes.
//!
//! All that differs from one to another is here, as data: what a session does is
//! the same for each.

mod rehearsal;
mod windows;

use anyhow::{Context, Result};

/// An operating system. Lines are lines of its shell, and paths its own.
#[derive(Debug)]
pub struct Profile {
    /// What `vm.toml` calls it.
    pub name: &'static str,
    /// Whose scenarios the stress program runs there.
    pub tier: &'static str,
    /// The program that runs a line, and its arguments before that.
    #[cfg_attr(not(unix), expect(dead_code, reason = "SSH has a shell already"))]
    pub(crate) shell: &'static [&'static str],
    /// Where a run's files go, with the separator at its end.
    pub directory: &'static str,
    /// Makes that directory anew, empty.
    pub(crate) clear: &'static str,
    /// Prints what differs from one start of the machine to the next.
    pub(crate) boot: &'static str,
    /// Has what was written reach the disk, so that a crash does not lose it.
    pub(crate) flush: &'static str,
    /// Prints the marker that a run has left in `directory`.
    pub(crate) marker: &'static str,
    /// What is worth knowing of a machine, and the line that prints it.
    pub(crate) facts: &'static [(&'static str, &'static str)],
    /// Make the machine ready for the next start.
    pub(crate) prepare: &'static [&'static str],
    /// Restarts it.
    pub(crate) restart: &'static str,
    /// Fails, and says why, if the machine is not as `prepare` was to make it.
    pub(crate) check: &'static [&'static str],
    /// Runs the stress program; `{}` stands for its arguments. What it prints goes
    /// to [`OUTPUT`] and [`LOG`].
    pub(crate) run: &'static str,
    /// Where a file that is written to cannot be read: copies [`OUTPUT`] to another
    /// one, and the name of that.
    pub(crate) copy_output: Option<(&'static str, &'static str)>,
    /// Put what tells about a crash into `directory`; those that fail had nothing.
    pub(crate) gather: &'static [&'static str],
    /// Prints the paths of what is to be brought home after a crash.
    pub(crate) evidence: &'static str,
    /// Powers it off.
    pub(crate) power_off: &'static str,
    /// The machine QEMU is to be.
    pub(crate) hardware: Hardware,
}

/// What of a machine depends on the operating system.
#[derive(Debug)]
#[cfg_attr(not(unix), expect(dead_code, reason = "machines are booted on Unix"))]
pub(crate) struct Hardware {
    /// QEMU's machine.
    pub(crate) machine: &'static str,
    /// The processor under KVM.
    pub(crate) kvm: &'static str,
    /// The processor that QEMU plays by itself.
    pub(crate) tcg: &'static str,
    /// How the disk is attached.
    pub(crate) disk: &'static str,
    /// Other devices.
    pub(crate) devices: &'static [&'static str],
    /// How its memory is written to a file for its own debugger.
    pub(crate) dump: &'static str,
}

/// What the stress program prints, in a run's directory.
pub(crate) const OUTPUT: &str = "out.jsonl";
/// What it says beside that.
pub const LOG: &str = "session.log";
/// The dump of a kernel that crashed, as it is called at home.
pub const DUMP: &str = "MEMORY.DMP";

impl Profile {
    /// A Debian with Wine.
    pub const REHEARSAL: Self = rehearsal::PROFILE;
    /// Windows 10, 11 and Server.
    pub const WINDOWS: Self = windows::PROFILE;

    const ALL: [&'static Self; 2] = [&Self::WINDOWS, &Self::REHEARSAL];

    /// The one called `name`.
    pub(crate) fn find(name: &str) -> Result<&'static Self> {
        let found = Self::ALL.into_iter().find(|profile| profile.name == name);
        found.with_context(|| {
            let names = Self::ALL.map(|profile| profile.name).join(", ");
            format!("there is no profile {name}: there are {names}")
        })
    }

    /// The guest's path of a file of the run's.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        format!("{}{name}", self.directory)
    }

    /// What stands between the parts of its paths.
    pub(crate) fn separator(&self) -> &str {
        &self.directory[self.directory.len() - 1..]
    }

    /// The last part of one of the guest's paths.
    pub(crate) fn name_of(path: &str) -> &str {
        path.rsplit(['\\', '/']).next().unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_can_be_run() {
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
