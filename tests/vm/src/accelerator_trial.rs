// SPDX-License-Identifier: MIT OR Apache-2.0

//! The choice of a machine's accelerator.
//!
//! An existing `/dev/kvm` proves nothing: on some hosts it can be opened, but no kernel
//! boots. Therefore a kernel is booted for a trial, and the result is cached until the
//! host restarts.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::accelerator::{Accelerator, AcceleratorChoice};
use child::program::PROGRAM;

/// Timeout for the first output of a kernel.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first output of any Linux kernel.
const FIRST_OUTPUT: &[u8] = b"Linux version";

impl Accelerator {
    /// Chooses the accelerator of a machine. `kernel` is a Linux kernel for the trial;
    /// without one, KVM is chosen if it can be opened. The result of a trial is cached in
    /// `directory`.
    pub(crate) fn choose(
        qemu: &Path,
        wanted: AcceleratorChoice,
        kernel: Option<&Path>,
        directory: &Path,
    ) -> Result<Self> {
        match wanted {
            AcceleratorChoice::Kvm => return Ok(Self::Kvm),
            AcceleratorChoice::Tcg => return Ok(Self::Tcg),
            AcceleratorChoice::Auto => {}
        }
        let opens = File::options().read(true).write(true).open("/dev/kvm");
        match kernel {
            _ if opens.is_err() => Ok(Self::Tcg),
            None => Ok(Self::Kvm),
            Some(kernel) => Self::tried(qemu, kernel, directory),
        }
    }

    /// The accelerator that a trial or its cached result recommends.
    fn tried(qemu: &Path, kernel: &Path, directory: &Path) -> Result<Self> {
        let cache = directory.join("accelerator");
        let host = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let known = fs::read_to_string(&cache).unwrap_or_default();
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
        fs::write(&cache, host + chosen.name())
            .with_context(|| format!("{} cannot be written", cache.display()))?;
        Ok(chosen)
    }
}

/// Returns `true` if `kernel` prints anything under KVM.
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
        .with_context(|| format!("QEMU cannot be run: see `{PROGRAM} doctor`"))?;
    let mut output = trial.stdout.take().context("a pipe")?;
    let listener = thread::spawn(move || {
        let mut received = Vec::new();
        let mut some = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut some) {
            received.extend_from_slice(&some[..count]);
            if received
                .windows(FIRST_OUTPUT.len())
                .any(|it| it == FIRST_OUTPUT)
            {
                return true;
            }
        }
        false
    });
    let started = Instant::now();
    while !listener.is_finished() && started.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(50));
    }
    // This also closes the pipe that the listener reads.
    trial.kill()?;
    trial.wait()?;
    Ok(listener.join().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A program that prints its arguments and exits.
    fn echo() -> PathBuf {
        which::which("echo").expect("part of every system")
    }

    #[test]
    fn a_qemu_without_output_of_a_kernel_means_tcg() {
        let directory = tempfile::tempdir().expect("a directory");
        let chosen = Accelerator::tried(&echo(), Path::new("bzImage"), directory.path());
        assert_eq!(chosen.expect("it ran"), Accelerator::Tcg);
    }

    #[test]
    fn the_result_of_a_trial_is_cached_until_the_host_restarts() {
        let directory = tempfile::tempdir().expect("a directory");
        // `echo` prints this argument, as a kernel would.
        let kernel = Path::new("Linux version 6");
        let tried = |qemu: &Path| Accelerator::tried(qemu, kernel, directory.path());
        assert_eq!(tried(&echo()).expect("it ran"), Accelerator::Kvm);
        let none = directory.path().join("none");
        assert_eq!(tried(&none).expect("known"), Accelerator::Kvm);

        fs::write(directory.path().join("accelerator"), "another start\ntcg").expect("written");
        let error = tried(&none).expect_err("no longer known").to_string();
        assert!(error.contains("QEMU cannot be run"), "{error}");
        assert_eq!(tried(&echo()).expect("it ran"), Accelerator::Kvm);
    }

    #[test]
    fn an_explicit_choice_needs_no_trial() {
        let none = Path::new("none");
        for (wanted, accelerator) in [
            (AcceleratorChoice::Kvm, Accelerator::Kvm),
            (AcceleratorChoice::Tcg, Accelerator::Tcg),
        ] {
            let chosen = Accelerator::choose(none, wanted, Some(none), none);
            assert_eq!(chosen.expect("no trial"), accelerator);
        }
    }
}
