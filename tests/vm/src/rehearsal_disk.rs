// SPDX-License-Identifier: MIT OR Apache-2.0

//! The disk of the rehearsal guest, made of Debian packages: a directory is filled and
//! written as an ext4 image, without mounting anything.
//!
//! It is made beside its place and moved there when it is complete. The recipe is stored
//! with it: after a change of the recipe the disk is out of date.

use std::fmt::Write;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use child::program::PROGRAM;
use sha2::{Digest, Sha256};

/// The guest that this project makes itself.
pub const REHEARSAL: &str = "rehearsal";

/// The Debian release for which the steps are written.
const RELEASE: &str = "bookworm";
/// The packages of the guest, besides the smallest Debian.
const PACKAGES: &str =
    "linux-image-cloud-amd64,systemd-sysv,qemu-guest-agent,udev,kmod,wine,wine64";
/// Files that are not needed in the guest.
const EXCLUDED: &str = "path-exclude=/usr/share/{doc,info,locale,man}/*";
/// Makes the template of prefixes: in the guest this would take minutes.
const TEMPLATE: &str = "mkdir -p /nmr && /usr/lib/wine/wine64 wineboot --init && \
                        /usr/lib/wine/wineserver64 --wait";
/// The environment of `TEMPLATE`, the same as that of a session.
const ENVIRONMENT: [&str; 6] = [
    "HOME=/nmr",
    "PATH=/usr/bin:/bin",
    "WINEPREFIX=/nmr/template",
    "WINEARCH=win64",
    "WINEDEBUG=-all",
    "WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe=",
];
/// Size of the disk, with space for the files of a run; the image is sparse.
const SIZE: &str = "4G";

/// The files of the disk.
#[derive(Clone, Debug)]
pub struct RehearsalDisk {
    directory: PathBuf,
}

/// A step of making the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskStep {
    /// Unpacks the packages.
    Packages,
    /// Makes the image.
    Disk,
    /// Hashes the image, to detect changes.
    Hash,
}

impl DiskStep {
    /// The step in words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Packages => "unpack Debian with Wine",
            Self::Disk => "make the disk",
            Self::Hash => "hash the disk",
        }
    }
}

impl RehearsalDisk {
    /// The disk in `directory`, whether it exists or not.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    pub(crate) fn disk(&self) -> PathBuf {
        self.directory.join("disk.img")
    }

    pub(crate) fn kernel(&self) -> PathBuf {
        self.directory.join("vmlinuz")
    }

    pub(crate) fn initrd(&self) -> PathBuf {
        self.directory.join("initrd.img")
    }

    fn recipe(&self) -> PathBuf {
        self.directory.join("recipe")
    }

    fn hash(&self) -> PathBuf {
        self.directory.join("disk.img.sha256")
    }

    /// Returns `true` if it exists and was made by this recipe.
    #[must_use]
    pub fn is_made(&self) -> bool {
        fs::read_to_string(self.recipe()).is_ok_and(|made_by| made_by == recipe())
    }

    /// Makes the disk. `privilege` is the prefix that runs a command as root; `on_step` is
    /// called before each step.
    ///
    /// # Errors
    ///
    /// If a program is missing or fails, with its output.
    pub fn make(&self, privilege: &[&str], mut on_step: impl FnMut(DiskStep)) -> Result<()> {
        let [beside, tree] = self.unfinished();
        let part = |name: &str| beside.join(name);
        let as_root = |program: &str| {
            let words = [privilege, &[program]].concat();
            let mut command = Command::new(words[0]);
            command.args(&words[1..]);
            command
        };
        let remove = |path: &Path| child::run(as_root("rm").arg("-rf").arg(path));
        for leftover in [&beside, &tree] {
            remove(leftover)?;
        }
        fs::create_dir_all(&beside)
            .with_context(|| format!("{} cannot be made", beside.display()))?;

        on_step(DiskStep::Packages);
        let template = format!(
            "chroot \"$1\" env -i {} sh -c '{TEMPLATE}'",
            ENVIRONMENT.join(" ")
        );
        child::run(
            as_root("mmdebstrap")
                .args(["--mode=root", "--format=directory", "--variant=minbase"])
                .args(["--quiet", "--dpkgopt", EXCLUDED])
                .args(["--aptopt", "APT::Install-Recommends \"false\""])
                .arg(format!("--include={PACKAGES}"))
                .args(["--customize-hook", "echo rehearsal > \"$1/etc/hostname\""])
                .args(["--customize-hook", &template])
                .arg(RELEASE)
                .arg(&tree),
        )?;

        on_step(DiskStep::Disk);
        child::run(
            as_root("mke2fs")
                .args(["-q", "-t", "ext4", "-d"])
                .arg(&tree)
                .arg(part("disk.img"))
                .arg(SIZE),
        )?;
        for (name, prefix) in [("vmlinuz", "vmlinuz-"), ("initrd.img", "initrd.img-")] {
            let from = only(&tree.join("boot"), prefix)?;
            child::run(as_root("cp").arg(from).arg(part(name)))?;
            child::run(as_root("chmod").arg("a+r").arg(part(name)))?;
        }
        child::run(as_root("chmod").arg("0444").arg(part("disk.img")))?;
        remove(&tree)?;

        on_step(DiskStep::Hash);
        fs::write(part("disk.img.sha256"), hash(&part("disk.img"))?)?;
        // Last: without it the disk is not valid.
        fs::write(part("recipe"), recipe())?;
        remove(&self.directory)?;
        fs::rename(&beside, &self.directory)
            .with_context(|| format!("{} cannot be made", self.directory.display()))
    }

    /// The directories that an interrupted `make` leaves.
    fn unfinished(&self) -> [PathBuf; 2] {
        ["new", "tree"].map(|it| self.directory.with_extension(it))
    }

    /// Removes the disk. Returns `true` if it existed.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn remove(&self) -> Result<bool> {
        for leftover in self.unfinished().iter().filter(|it| it.exists()) {
            fs::remove_dir_all(leftover).with_context(|| {
                format!("{} cannot be removed: run as root", leftover.display())
            })?;
        }
        match fs::remove_dir_all(&self.directory) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => {
                Err(error).context(format!("{} cannot be removed", self.directory.display()))
            }
        }
    }

    /// Checks that the disk has not changed since it was made.
    ///
    /// # Errors
    ///
    /// If it has.
    pub fn check(&self) -> Result<()> {
        let made = fs::read_to_string(self.hash())
            .with_context(|| format!("{} cannot be read", self.hash().display()))?;
        ensure!(
            made == hash(&self.disk())?,
            "{} has changed since it was made: {PROGRAM} vm destroy {rehearsal} && {PROGRAM} \
             vm create {rehearsal}",
            self.disk().display(),
            rehearsal = REHEARSAL
        );
        Ok(())
    }
}

/// The recipe of the disk.
fn recipe() -> String {
    [
        RELEASE,
        PACKAGES,
        EXCLUDED,
        TEMPLATE,
        &ENVIRONMENT.join(" "),
        SIZE,
    ]
    .join("\n")
}

/// The only file in `directory` whose name begins with `prefix`.
fn only(directory: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(directory)?.filter_map(Result::ok);
    let mut found = entries.map(|entry| entry.path()).filter(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    });
    match (found.next(), found.next()) {
        (Some(path), None) => Ok(path),
        _ => bail!(
            "{} does not have exactly one {prefix}*",
            directory.display()
        ),
    }
}

/// The SHA-256 of a file in hexadecimal digits.
fn hash(path: &Path) -> Result<String> {
    let mut file =
        File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        hasher.update(&chunk[..count]);
    }
    let mut hex = String::new();
    for byte in hasher.finalize() {
        write!(hex, "{byte:02x}")?;
    }
    Ok(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_disk_is_detected() {
        let directory = tempfile::tempdir().expect("a directory");
        let image = RehearsalDisk::new(directory.path());
        assert!(!image.is_made());
        fs::write(image.disk(), "a disk").expect("written");
        fs::write(image.hash(), hash(&image.disk()).expect("read")).expect("written");
        image.check().expect("the same");
        fs::write(image.disk(), "a Disk").expect("written");
        let error = image.check().expect_err("changed").to_string();
        assert!(error.contains("vm destroy"), "{error}");
    }

    #[test]
    fn a_disk_of_another_recipe_is_out_of_date() {
        let directory = tempfile::tempdir().expect("a directory");
        let image = RehearsalDisk::new(directory.path());
        fs::write(image.recipe(), "another one").expect("written");
        assert!(!image.is_made());
        fs::write(image.recipe(), recipe()).expect("written");
        assert!(image.is_made());
    }
}
