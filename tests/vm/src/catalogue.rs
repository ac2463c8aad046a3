// SPDX-License-Identifier: MIT OR Apache-2.0

//! The catalogue of guests: those of `vm.toml`, and the rehearsal guest.
//!
//! ```toml
//! [guest.win11]
//! profile = "windows"
//! disk = "/vm/win11.qcow2"           # never written to
//! firmware = "/usr/share/OVMF/OVMF_CODE.fd"
//!
//! [guest.lab]
//! profile = "windows"
//! ssh = { host = "lab-7", user = "Administrator" }
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::accelerator::AcceleratorChoice;
use crate::profile::Profile;
use crate::rehearsal_disk::{REHEARSAL, RehearsalDisk};
use crate::ssh_server::SshServer;

/// All guests.
#[derive(Clone, Debug)]
pub struct Catalogue {
    guests: BTreeMap<String, Guest>,
}

/// A machine that can run the pair.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its name.
    pub name: String,
    /// Its operating system.
    pub profile: &'static Profile,
    /// Where it runs.
    pub place: Place,
    /// Timeout from a start or restart until its agent answers.
    pub boot: Duration,
    /// A guest that is silent for this long hangs; one that is reached by SSH may also be
    /// silent as long as a restart takes.
    pub heartbeat: Duration,
    /// A program that prints nothing for this long hangs.
    pub stall: Duration,
}

/// Where a machine runs.
#[derive(Clone, Debug)]
pub enum Place {
    /// It is booted on this host.
    Here(Box<Hardware>),
    /// It runs elsewhere.
    Elsewhere {
        /// Its SSH server.
        ssh: SshServer,
        /// Local command before it is used, for example to revert it to a snapshot.
        begin: Option<Vec<String>>,
        /// Local command when it is no longer needed.
        end: Option<Vec<String>>,
    },
}

/// The hardware of a machine that is booted on this host.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// The image of its disk, which is never written to.
    pub disk: PathBuf,
    /// The format of the image.
    pub format: String,
    /// A kernel to boot directly, instead of from the disk.
    pub kernel: Option<Kernel>,
    /// The firmware's image; by default QEMU's BIOS.
    pub firmware: Option<PathBuf>,
    /// Memory in MiB.
    pub memory: u32,
    /// Number of processors.
    pub processors: u32,
    /// The choice of its accelerator.
    pub accelerator: AcceleratorChoice,
    /// Further arguments of QEMU.
    pub arguments: Vec<String>,
}

/// A kernel to boot directly.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its file.
    pub image: PathBuf,
    /// Its initial RAM disk.
    pub initrd: PathBuf,
    /// Its command line.
    pub line: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    guest: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    profile: String,
    disk: Option<PathBuf>,
    #[serde(default = "qcow2")]
    format: String,
    firmware: Option<PathBuf>,
    #[serde(default = "memory")]
    memory: u32,
    #[serde(default = "processors")]
    processors: u32,
    #[serde(default)]
    accelerator: AcceleratorChoice,
    #[serde(default)]
    arguments: Vec<String>,
    ssh: Option<SshServer>,
    begin: Option<Vec<String>>,
    end: Option<Vec<String>>,
    /// In seconds, like the following two.
    #[serde(default = "boot")]
    boot: u64,
    #[serde(default = "heartbeat")]
    heartbeat: u64,
    #[serde(default = "stall")]
    stall: u64,
}

fn qcow2() -> String {
    "qcow2".to_owned()
}

const fn memory() -> u32 {
    4096
}

const fn processors() -> u32 {
    4
}

const fn boot() -> u64 {
    600
}

const fn heartbeat() -> u64 {
    120
}

const fn stall() -> u64 {
    300
}

impl Catalogue {
    /// Reads the guests of `file`, if it exists, and adds the rehearsal guest with the disk
    /// `disk`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is invalid.
    pub fn read(file: &Path, disk: &RehearsalDisk) -> Result<Self> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).context(format!("{} cannot be read", file.display())),
        };
        let directory = file.parent().unwrap_or(Path::new("."));
        Self::parse(&text, directory, disk).with_context(|| file.display().to_string())
    }

    fn parse(text: &str, directory: &Path, disk: &RehearsalDisk) -> Result<Self> {
        let file: File = toml::from_str(text)?;
        let mut guests = BTreeMap::new();
        for (name, entry) in file.guest {
            ensure!(
                name != REHEARSAL,
                "the name {REHEARSAL} is reserved for the guest made here: use another one"
            );
            let guest = entry.guest(&name, directory);
            let guest = guest.with_context(|| format!("guest {name}"))?;
            guests.insert(name, guest);
        }
        guests.insert(REHEARSAL.to_owned(), rehearsal(disk));
        Ok(Self { guests })
    }

    /// All guests, by name.
    pub fn guests(&self) -> impl Iterator<Item = &Guest> {
        self.guests.values()
    }

    /// The guest of this name.
    ///
    /// # Errors
    ///
    /// If there is none, with the names of all guests.
    pub fn find(&self, name: &str) -> Result<&Guest> {
        self.guests.get(name).with_context(|| {
            let names: Vec<_> = self.guests.keys().map(String::as_str).collect();
            let names = names.join(", ");
            format!("there is no guest {name} in vm.toml: the guests are {names}")
        })
    }
}

impl Entry {
    fn guest(self, name: &str, directory: &Path) -> Result<Guest> {
        let profile = Profile::find(&self.profile)?;
        let here = |path: PathBuf| directory.join(path);
        let place = match (self.disk, self.ssh) {
            (Some(disk), None) => {
                ensure!(
                    self.begin.is_none() && self.end.is_none(),
                    "begin and end are for machines with ssh"
                );
                ensure!(
                    self.memory > 0 && self.processors > 0,
                    "memory and processors must not be 0"
                );
                Place::Here(Box::new(Hardware {
                    disk: here(disk),
                    format: self.format,
                    kernel: None,
                    firmware: self.firmware.map(here),
                    memory: self.memory,
                    processors: self.processors,
                    accelerator: self.accelerator,
                    arguments: self.arguments,
                }))
            }
            (None, Some(mut ssh)) => {
                ssh.key = ssh.key.map(here);
                for command in [&self.begin, &self.end].into_iter().flatten() {
                    ensure!(!command.is_empty(), "begin and end must name a program");
                }
                Place::Elsewhere {
                    ssh,
                    begin: self.begin,
                    end: self.end,
                }
            }
            _ => bail!("name either the disk to boot or the ssh server to reach"),
        };
        Ok(Guest {
            name: name.to_owned(),
            profile,
            place,
            boot: Duration::from_secs(self.boot),
            heartbeat: Duration::from_secs(self.heartbeat),
            stall: Duration::from_secs(self.stall),
        })
    }
}

/// The rehearsal guest.
fn rehearsal(disk: &RehearsalDisk) -> Guest {
    Guest {
        name: REHEARSAL.to_owned(),
        profile: &Profile::REHEARSAL,
        place: Place::Here(Box::new(Hardware {
            disk: disk.disk(),
            format: "raw".to_owned(),
            kernel: Some(Kernel {
                image: disk.kernel(),
                initrd: disk.initrd(),
                // A panic restarts the guest at once.
                line: "root=/dev/vda rw console=ttyS0 panic=-1 quiet".to_owned(),
            }),
            firmware: None,
            memory: 2048,
            processors: 2,
            accelerator: AcceleratorChoice::Auto,
            arguments: Vec::new(),
        })),
        boot: Duration::from_mins(5),
        heartbeat: Duration::from_mins(1),
        stall: Duration::from_secs(stall()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Catalogue> {
        Catalogue::parse(
            text,
            Path::new("/vms"),
            &RehearsalDisk::new(Path::new("/made")),
        )
    }

    #[test]
    fn a_guest_is_booted_here_or_reached_by_ssh() {
        let catalogue = parse(
            "[guest.win11]\nprofile = 'windows'\ndisk = 'win11.qcow2'\n\
             [guest.lab]\nprofile = 'windows'\nssh = { host = 'lab-7' }\nheartbeat = 5\n",
        )
        .expect("well-formed");
        let names: Vec<_> = catalogue.guests().map(|guest| &guest.name[..]).collect();
        assert_eq!(names, ["lab", REHEARSAL, "win11"]);
        let Place::Here(hardware) = &catalogue.find("win11").expect("there").place else {
            panic!("booted here");
        };
        assert_eq!(hardware.disk, Path::new("/vms/win11.qcow2"));
        assert_eq!(hardware.memory, memory());
        let lab = catalogue.find("lab").expect("there");
        assert!(matches!(lab.place, Place::Elsewhere { .. }));
        assert_eq!(lab.heartbeat, Duration::from_secs(5));
    }

    #[test]
    fn invalid_descriptions_are_refused() {
        let refused = |text: &str| format!("{:#}", parse(text).expect_err("refused"));
        for (text, word) in [
            ("[guest.a]\nprofile = 'windows'\n", "either the disk"),
            ("[guest.a]\nprofile = 'dos'\ndisk = 'x'\n", "windows"),
            (
                "[guest.a]\nprofile = 'windows'\ndisk = 'x'\nsize = 1\n",
                "size",
            ),
            (
                "[guest.a]\nprofile = 'windows'\ndisk = 'x'\nend = ['x']\n",
                "ssh",
            ),
            (
                "[guest.rehearsal]\nprofile = 'windows'\ndisk = 'x'\n",
                "made here",
            ),
        ] {
            let error = refused(text);
            assert!(error.contains(word), "{error}");
        }
        let nobody = parse("").expect("empty").find("nobody").map(|_| ());
        let error = nobody.expect_err("none").to_string();
        assert!(
            error.contains("nobody") && error.contains(REHEARSAL),
            "{error}"
        );
    }
}
