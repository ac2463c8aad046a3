// SPDX-License-Identifier: MIT OR Apache-2.0

//! The choice of what runs a machine's code.
//!
//! That `/dev/kvm` is there proves nothing: on some hosts it opens, and no kernel
//! gets past its first lines. So a kernel is started for a trial, and what came of
//! it is remembered until the host starts anew.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::accelerator::{Accelerator, Wanted};

/// How long a kernel may take to say its first words.
const PATIENCE: Duration = Duration::from_secs(20);
/// Any Linux says this first.
const FIRST_WORDS: &[u8] = b"Linux version";

impl Accelerator {
    /// The one for a machine. `kernel` is a Linux for the trial: without one, that
    /// KVM may be opened must do. What came of a trial is kept in `directory`.
    pub(crate) fn choose(
        qemu: &Path,
        wanted: Wanted,
        kernel: Option<&Path>,
        directory: &Path,
    ) -> Result<Self> {
        match wanted {
            Wanted::Kvm => return Ok(Self::Kvm),
            Wanted::Tcg => return Ok(Self::Tcg),
            Wanted::Auto => {}
        }
        let opens = File::options().read(true).write(true).open("/dev/kvm");
        match kernel {
            _ if opens.is_err() => Ok(Self::Tcg),
            None => Ok(Self::Kvm),
            Some(kernel) => Self::tried(qemu, kernel, directory),
        }
    }

    /// The one that a trial is for, unless what came of one is known.
    fn tried(qemu: &Path, kernel: &Path, directory: &Path) -> Result<Self> {
        let memory = directory.join("accelerator");
        let host = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let known = fs::read_to_string(&memory).unwrap_or_default();
        if let Some(known) = known.strip_prefix(&host).filter(|_| !host.is_empty()) {
            return Ok(if known == Self::Kvm.name() {
                Self::Kvm
            } else {
                Self::Tcg
            });
        }
        let chosen = if boots(qemu, kernel)? {
            Self::Kvm
        } else {
            Self::Tcg
        };
        fs::write(&memory, host + chosen.name())
            .with_context(|| format!("{} cannot be written", memory.display()))?;
        Ok(chosen)
    }
}

/// Whether `kernel` says anything under KVM.
fn boots(qemu: &Path, kernel: &Path) -> Result<bool> {
    let mut trial = Command::new(qemu)
        .args(["-accel", "kvm", "-cpu", "host", "-m", "512", "-nodefaults"])
        .args(["-display", "none", "-no-reboot", "-serial", "stdio"])
        .args(["-append", "console=ttyS0 panic=-1", "-kernel"])
        .arg(kernel)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("QEMU cannot be run: see `cargo xtask doctor`")?;
    let mut said = trial.stdout.take().context("a pipe")?;
    let listener = thread::spawn(move || {
        let mut heard = Vec::new();
        let mut some = [0; 4096];
        while let Ok(count @ 1..) = said.read(&mut some) {
            heard.extend_from_slice(&some[..count]);
            if heard.windows(FIRST_WORDS.len()).any(|it| it == FIRST_WORDS) {
                return true;
            }
        }
        false
    });
    let started = Instant::now();
    while !listener.is_finished() && started.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(50));
    }
    // That ends what the listener reads, too.
    trial.kill()?;
    trial.wait()?;
    Ok(listener.join().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Says what it was given, and ends.
    fn echo() -> PathBuf {
        which::which("echo").expect("everybody has it")
    }

    #[test]
    fn a_qemu_that_ends_without_a_word_of_a_kernel_means_tcg() {
        let directory = tempfile::tempdir().expect("a directory");
        let chosen = Accelerator::tried(&echo(), Path::new("bzImage"), directory.path());
        assert_eq!(chosen.expect("it ran"), Accelerator::Tcg);
    }

    #[test]
    fn what_came_of_a_trial_is_known_until_the_host_starts_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        // This is said, and is what a kernel says.
        let kernel = Path::new("Linux version 6");
        let tried = |qemu: &Path| Accelerator::tried(qemu, kernel, directory.path());
        assert_eq!(tried(&echo()).expect("it ran"), Accelerator::Kvm);
        let none = directory.path().join("none");
        assert_eq!(tried(&none).expect("known"), Accelerator::Kvm);

        fs::write(directory.path().join("accelerator"), "another start\ntcg").expect("written");
        let told = tried(&none).expect_err("no longer known").to_string();
        assert!(told.contains("QEMU cannot be run"), "{told}");
        assert_eq!(tried(&echo()).expect("it ran"), Accelerator::Kvm);
    }

    #[test]
    fn who_names_one_gets_it_without_a_trial() {
        let none = Path::new("none");
        for (wanted, accelerator) in [
            (Wanted::Kvm, Accelerator::Kvm),
            (Wanted::Tcg, Accelerator::Tcg),
        ] {
            let chosen = Accelerator::choose(none, wanted, Some(none), none);
            assert_eq!(chosen.expect("no trial"), accelerator);
        }
    }
}
