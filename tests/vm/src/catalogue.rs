// SPDX-License-Identifier: MIT OR Apache-2.0

//! The guests that there are: `vm.toml`, and the one that is made here.
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

use crate::accelerator::Wanted;
use crate::agent::ssh::Ssh;
use crate::image::Image;
use crate::profile::Profile;

/// The guest that is made here.
pub const REHEARSAL: &str = "rehearsal";

/// The guests that there are.
#[derive(Clone, Debug)]
pub struct Catalogue {
    guests: BTreeMap<String, Guest>,
}

/// A machine that can run the pair.
#[derive(Clone, Debug)]
pub struct Guest {
    /// What the user calls it.
    pub name: String,
    /// Its operating system.
    pub profile: &'static Profile,
    /// Where it is.
    pub place: Place,
    /// How long it may take from its start, or a restart, until its agent answers.
    pub boot: Duration,
    /// How long it may be silent before it is said to hang; one that is reached by
    /// SSH may be as long as a restart takes.
    pub heartbeat: Duration,
    /// How long a program in it may print nothing before it is said to hang.
    pub stall: Duration,
}

/// Where a machine is.
#[derive(Clone, Debug)]
pub enum Place {
    /// It is booted here.
    Here(Box<Hardware>),
    /// Someone else runs it.
    Elsewhere {
        /// How it is reached.
        ssh: Ssh,
        /// Run here before it is used: reverts it to a snapshot and starts it, say.
        begin: Option<Vec<String>>,
        /// Run here when it is no longer needed.
        end: Option<Vec<String>>,
    },
}

/// What a machine that is booted here is made of.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// The image of its disk; it stays as it is.
    pub disk: PathBuf,
    /// How the bytes of the image are to be read.
    pub format: String,
    /// A kernel that the machine starts with, instead of from its disk.
    pub kernel: Option<Kernel>,
    /// The firmware's image; QEMU's own BIOS unless given.
    pub firmware: Option<PathBuf>,
    /// In MiB.
    pub memory: u32,
    /// How many.
    pub processors: u32,
    /// What runs its code.
    pub accelerator: Wanted,
    /// More arguments of QEMU's.
    pub arguments: Vec<String>,
}

/// A kernel, and what it needs to begin.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its file.
    pub image: PathBuf,
    /// Its first file system.
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
    accelerator: Wanted,
    #[serde(default)]
    arguments: Vec<String>,
    ssh: Option<Ssh>,
    begin: Option<Vec<String>>,
    end: Option<Vec<String>>,
    /// In seconds, as those below.
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
    /// Those in `file`, if it is there, and the rehearsal of which `image` is the
    /// disk.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or describes what cannot be.
    pub fn read(file: &Path, image: &Image) -> Result<Self> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).context(format!("{} cannot be read", file.display())),
        };
        let directory = file.parent().unwrap_or(Path::new("."));
        Self::parse(&text, directory, image).with_context(|| file.display().to_string())
    }

    fn parse(text: &str, directory: &Path, image: &Image) -> Result<Self> {
        let file: File = toml::from_str(text)?;
        let mut guests = BTreeMap::new();
        for (name, entry) in file.guest {
            ensure!(
                name != REHEARSAL,
                "the guest {REHEARSAL} is made here: name yours otherwise"
            );
            let guest = entry.guest(&name, directory);
            let guest = guest.with_context(|| format!("guest {name}"))?;
            guests.insert(name, guest);
        }
        guests.insert(REHEARSAL.to_owned(), rehearsal(image));
        Ok(Self { guests })
    }

    /// All of them, by name.
    pub fn guests(&self) -> impl Iterator<Item = &Guest> {
        self.guests.values()
    }

    /// The one called `name`.
    ///
    /// # Errors
    ///
    /// If there is none; says which there are.
    pub fn find(&self, name: &str) -> Result<&Guest> {
        self.guests.get(name).with_context(|| {
            let names: Vec<_> = self.guests.keys().map(String::as_str).collect();
            let names = names.join(", ");
            format!("no guest is called {name}: vm.toml describes guests, and there are {names}")
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
                    "begin and end are for machines that are reached by ssh"
                );
                ensure!(
                    self.memory > 0 && self.processors > 0,
                    "a machine has some memory and a processor"
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
                    ensure!(!command.is_empty(), "a command begins with its program");
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

/// The guest that is made here.
fn rehearsal(image: &Image) -> Guest {
    Guest {
        name: REHEARSAL.to_owned(),
        profile: &Profile::REHEARSAL,
        place: Place::Here(Box::new(Hardware {
            disk: image.disk(),
            format: "raw".to_owned(),
            kernel: Some(Kernel {
                image: image.kernel(),
                initrd: image.initrd(),
                // A panic restarts it at once.
                line: "root=/dev/vda rw console=ttyS0 panic=-1 quiet".to_owned(),
            }),
            firmware: None,
            memory: 2048,
            processors: 2,
            accelerator: Wanted::Auto,
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
        Catalogue::parse(text, Path::new("/vms"), &Image::new(Path::new("/made")))
    }

    #[test]
    fn a_guest_is_booted_here_or_reached_there() {
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
    fn what_cannot_be_is_refused_by_name() {
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
            let told = refused(text);
            assert!(told.contains(word), "{told}");
        }
        let nobody = parse("").expect("empty").find("nobody").map(|_| ());
        let told = nobody.expect_err("none").to_string();
        assert!(
            told.contains("nobody") && told.contains(REHEARSAL),
            "{told}"
        );
    }
}
