// SPDX-License-Identifier: MIT OR Apache-2.0

//! The rehearsal's disk, made of Debian's packages: a directory is filled, and an
//! ext4 made of it. Nothing is mounted.
//!
//! It is made beside its place and moved there once it is whole. What it was made
//! by is kept with it: a newer recipe makes it anew.

use std::fmt::Write;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

/// The release that the steps are known to work with.
const RELEASE: &str = "bookworm";
/// What the guest is made of, beside the smallest Debian.
const PACKAGES: &str =
    "linux-image-cloud-amd64,systemd-sysv,qemu-guest-agent,udev,kmod,wine,wine64";
/// Nobody reads those in the guest.
const UNREAD: &str = "path-exclude=/usr/share/{doc,info,locale,man}/*";
/// Makes the prefix that runs begin with: in the guest it takes minutes.
const TEMPLATE: &str = "mkdir -p /nmr && /usr/lib/wine/wine64 wineboot --init && \
                        /usr/lib/wine/wineserver64 --wait";
/// In which `TEMPLATE` runs, as every session does.
const ENVIRONMENT: [&str; 6] = [
    "HOME=/nmr",
    "PATH=/usr/bin:/bin",
    "WINEPREFIX=/nmr/template",
    "WINEARCH=win64",
    "WINEDEBUG=-all",
    "WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe=",
];
/// Room for what is in it and for a run's own files; the rest stays a hole.
const SIZE: &str = "4G";

/// The files of one made machine.
#[derive(Clone, Debug)]
pub struct Image {
    directory: PathBuf,
}

/// A step of making one, before it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Packages are unpacked.
    Packages,
    /// The disk is made.
    Disk,
    /// The disk is read, to know it again.
    Hash,
}

impl Step {
    /// What is being done.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Packages => "unpack Debian with Wine",
            Self::Disk => "make the disk",
            Self::Hash => "hash the disk",
        }
    }
}

impl Image {
    /// The one in `directory`, whether it is there or not.
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

    /// Whether it is there, and made by this recipe.
    #[must_use]
    pub fn is_made(&self) -> bool {
        fs::read_to_string(self.recipe()).is_ok_and(|made_by| made_by == recipe())
    }

    /// Makes it. `privilege` is put before commands, and gives them root's rights;
    /// `tell` hears of each step.
    ///
    /// # Errors
    ///
    /// If a program is missing or fails, with what it said.
    pub fn make(&self, privilege: &[&str], mut tell: impl FnMut(Step)) -> Result<()> {
        let [beside, tree] = self.unfinished();
        let part = |name: &str| beside.join(name);
        let as_root = |program: &str| {
            let words = [privilege, &[program]].concat();
            let mut command = Command::new(words[0]);
            command.args(&words[1..]);
            command
        };
        let remove = |path: &Path| quietly(as_root("rm").arg("-rf").arg(path));
        for left in [&beside, &tree] {
            remove(left)?;
        }
        fs::create_dir_all(&beside)
            .with_context(|| format!("{} cannot be made", beside.display()))?;

        tell(Step::Packages);
        let template = format!(
            "chroot \"$1\" env -i {} sh -c '{TEMPLATE}'",
            ENVIRONMENT.join(" ")
        );
        quietly(
            as_root("mmdebstrap")
                .args(["--mode=root", "--format=directory", "--variant=minbase"])
                .args(["--quiet", "--dpkgopt", UNREAD])
                .args(["--aptopt", "APT::Install-Recommends \"false\""])
                .arg(format!("--include={PACKAGES}"))
                .args(["--customize-hook", "echo rehearsal > \"$1/etc/hostname\""])
                .args(["--customize-hook", &template])
                .arg(RELEASE)
                .arg(&tree),
        )?;

        tell(Step::Disk);
        quietly(
            as_root("mke2fs")
                .args(["-q", "-t", "ext4", "-d"])
                .arg(&tree)
                .arg(part("disk.img"))
                .arg(SIZE),
        )?;
        for (name, prefix) in [("vmlinuz", "vmlinuz-"), ("initrd.img", "initrd.img-")] {
            let from = only(&tree.join("boot"), prefix)?;
            quietly(as_root("cp").arg(from).arg(part(name)))?;
            quietly(as_root("chmod").arg("a+r").arg(part(name)))?;
        }
        quietly(as_root("chmod").arg("0444").arg(part("disk.img")))?;
        remove(&tree)?;

        tell(Step::Hash);
        fs::write(part("disk.img.sha256"), hash(&part("disk.img"))?)?;
        // Last: without it the image is not made.
        fs::write(part("recipe"), recipe())?;
        remove(&self.directory)?;
        fs::rename(&beside, &self.directory)
            .with_context(|| format!("{} cannot be made", self.directory.display()))
    }

    /// What an interrupted making leaves.
    fn unfinished(&self) -> [PathBuf; 2] {
        ["new", "tree"].map(|it| self.directory.with_extension(it))
    }

    /// Removes it; whether there was anything.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn remove(&self) -> Result<bool> {
        for left in self.unfinished().iter().filter(|left| left.exists()) {
            fs::remove_dir_all(left)
                .with_context(|| format!("{} cannot be removed: be root", left.display()))?;
        }
        match fs::remove_dir_all(&self.directory) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => {
                Err(error).context(format!("{} cannot be removed", self.directory.display()))
            }
        }
    }

    /// Refuses a disk that is not, byte for byte, the one that was made.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn check(&self) -> Result<()> {
        let made = fs::read_to_string(self.hash())
            .with_context(|| format!("{} cannot be read", self.hash().display()))?;
        ensure!(
            made == hash(&self.disk())?,
            "{} has changed since it was made: cargo xtask vm destroy {rehearsal} && cargo xtask \
             vm create {rehearsal}",
            self.disk().display(),
            rehearsal = crate::REHEARSAL
        );
        Ok(())
    }
}

/// What an image is made by.
fn recipe() -> String {
    [
        RELEASE,
        PACKAGES,
        UNREAD,
        TEMPLATE,
        &ENVIRONMENT.join(" "),
        SIZE,
    ]
    .join("\n")
}

/// The only file in `directory` whose name begins so.
fn only(directory: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(directory)?.filter_map(Result::ok);
    let mut found = entries.map(|entry| entry.path()).filter(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    });
    match (found.next(), found.next()) {
        (Some(path), None) => Ok(path),
        _ => bail!("{} has not one {prefix}*", directory.display()),
    }
}

fn quietly(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("{program} cannot be run: see `cargo xtask doctor`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = said.lines().collect();
        // The reason is at the end of what mmdebstrap says.
        let last = lines[lines.len().saturating_sub(5)..].join(" | ");
        bail!("{program} ended with {}: {last}", output.status);
    }
    Ok(())
}

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
    fn a_disk_that_changed_is_not_the_one_that_was_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let image = Image::new(directory.path());
        assert!(!image.is_made());
        fs::write(image.disk(), "a disk").expect("written");
        fs::write(image.hash(), hash(&image.disk()).expect("read")).expect("written");
        image.check().expect("the same");
        fs::write(image.disk(), "a Disk").expect("written");
        let told = image.check().expect_err("changed").to_string();
        assert!(told.contains("vm destroy"), "{told}");
    }

    #[test]
    fn a_recipe_makes_its_own_image_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let image = Image::new(directory.path());
        fs::write(image.recipe(), "another one").expect("written");
        assert!(!image.is_made());
        fs::write(image.recipe(), recipe()).expect("written");
        assert!(image.is_made());
    }
}
