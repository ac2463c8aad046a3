// SPDX-License-Identifier: MIT OR Apache-2.0

//! A virtual machine in QEMU.
//!
//! Its disk is a temporary overlay, which QEMU makes and removes. The machine never
//! outlives this process.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::accelerator::Accelerator;
use crate::catalogue::Hardware;
use crate::monitor::Monitor;
use crate::profile::Profile;
use child::program::PROGRAM;

/// Timeout of QEMU's start and exit.
const PATIENCE: Duration = Duration::from_secs(30);
/// QEMU's program.
const QEMU: &str = "qemu-system-x86_64";
/// The name of the agent's channel in the guest.
const CHANNEL: &str = "org.qemu.guest_agent.0";

/// A running machine; on drop it is ended.
pub(crate) struct Machine {
    child: Child,
    pub(crate) monitor: Monitor,
    pub(crate) accelerator: Accelerator,
    sockets: TempDir,
    log: PathBuf,
}

impl Machine {
    /// Starts a machine. Its overlay and logs are in `directory`; the result of the
    /// accelerator's trial is cached in `cache`.
    pub(crate) fn start(
        hardware: &Hardware,
        profile: &Profile,
        directory: &Path,
        cache: &Path,
    ) -> Result<Self> {
        let qemu = which::which(QEMU)
            .with_context(|| format!("{QEMU} is not on PATH: see `{PROGRAM} doctor`"))?;
        File::open(&hardware.disk).with_context(|| {
            let disk = hardware.disk.display();
            format!("the disk {disk} cannot be read: make it, or correct vm.toml")
        })?;
        check_free_memory(hardware.memory)?;
        let kernel = hardware.kernel.as_ref().map(|kernel| &*kernel.image);
        let accelerator = Accelerator::choose(&qemu, hardware.accelerator, kernel, cache)?;
        // A short path: the length of a socket's path is limited.
        let sockets = tempfile::tempdir()?;
        let qemu_log = directory.join("qemu.log");
        let mut command = Command::new(qemu);
        arguments(
            &mut command,
            hardware,
            profile,
            accelerator,
            &sockets,
            directory,
        );
        command
            // The directory of QEMU's overlay.
            .env("TMPDIR", directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&qemu_log)?);
        let mut child = spawn(&mut command).context("QEMU cannot be run")?;
        let started = Instant::now();
        let monitor = loop {
            let log = directory.join("events.log");
            match Monitor::connect(&sockets.path().join("monitor"), &log) {
                Ok(monitor) => break monitor,
                Err(error) if started.elapsed() >= PATIENCE => {
                    child.kill()?;
                    child.wait()?;
                    return Err(error.context("QEMU's monitor does not answer"));
                }
                Err(_) => {}
            }
            if let Some(status) = child.try_wait()? {
                bail!("QEMU {}: {}", ended(status), last_lines(&qemu_log));
            }
            thread::sleep(Duration::from_millis(50));
        };
        Ok(Self {
            child,
            monitor,
            accelerator,
            sockets,
            log: qemu_log,
        })
    }

    /// The socket of the guest's agent.
    pub(crate) fn channel(&self) -> PathBuf {
        self.sockets.path().join("agent")
    }

    /// How QEMU ended; `None` while it is running.
    pub(crate) fn gone(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(format!("QEMU {}: {}", ended(status), last_lines(&self.log)))
    }

    /// Waits until QEMU has exited. Returns `true` if it has.
    pub(crate) fn await_end(&mut self, patience: Duration) -> bool {
        let started = Instant::now();
        while started.elapsed() < patience {
            if self.gone().is_some() {
                return true;
            }
            thread::sleep(Duration::from_millis(100));
        }
        false
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.gone().is_none() && self.monitor.quit().is_ok() && self.await_end(PATIENCE) {
            return;
        }
        // An error means that it has exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Adds QEMU's arguments.
fn arguments(
    command: &mut Command,
    hardware: &Hardware,
    profile: &Profile,
    accelerator: Accelerator,
    sockets: &TempDir,
    directory: &Path,
) {
    let system = &profile.hardware;
    let cpu = match accelerator {
        Accelerator::Kvm => system.kvm,
        Accelerator::Tcg => system.tcg,
    };
    command.args(["-nodefaults", "-no-user-config"]);
    let mut argument = |name: &str, value: String| {
        command.args([name, &value]);
    };
    argument("-display", "none".to_owned());
    argument("-machine", system.machine.to_owned());
    argument("-accel", accelerator.name().to_owned());
    argument("-cpu", cpu.to_owned());
    argument("-smp", hardware.processors.to_string());
    argument("-m", hardware.memory.to_string());
    // A guest that panics restarts itself: its dump is on its disk.
    argument("-action", "panic=none".to_owned());
    argument(
        "-serial",
        format!("file:{}", value(&directory.join("serial.log"))),
    );
    let (disk, format) = (value(&hardware.disk), &hardware.format);
    let bus = system.disk;
    argument(
        "-drive",
        format!("file={disk},format={format},if={bus},snapshot=on"),
    );
    if let Some(firmware) = &hardware.firmware {
        let firmware = value(firmware);
        argument(
            "-drive",
            format!("file={firmware},format=raw,if=pflash,readonly=on"),
        );
    }
    if let Some(kernel) = &hardware.kernel {
        argument("-kernel", kernel.image.display().to_string());
        argument("-initrd", kernel.initrd.display().to_string());
        argument("-append", kernel.line.clone());
    }
    let socket = |name: &str| {
        let path = sockets.path().join(name);
        format!("socket,id={name},path={},server=on,wait=off", value(&path))
    };
    argument("-chardev", socket("monitor"));
    argument("-mon", "chardev=monitor,mode=control".to_owned());
    argument("-device", "virtio-serial".to_owned());
    argument("-chardev", socket("agent"));
    argument(
        "-device",
        format!("virtserialport,id=agent,chardev=agent,name={CHANNEL}"),
    );
    for device in system.devices {
        argument("-device", (*device).to_owned());
    }
    command.args(&hardware.arguments);
}

/// A path in a list of options, where a comma is doubled.
fn value(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// Refuses a machine that would make the host run out of memory.
fn check_free_memory(mebibytes: u32) -> Result<()> {
    let Ok(text) = fs::read_to_string("/proc/meminfo") else {
        return Ok(());
    };
    let available = text.lines().find_map(|line| {
        let rest = line.strip_prefix("MemAvailable:")?;
        rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    let Some(available) = available.map(|kibibytes| kibibytes / 1024) else {
        return Ok(());
    };
    ensure!(
        available >= u64::from(mebibytes),
        "the host has {available} MiB of free memory and the guest needs {mebibytes}: free \
         some, or give the guest less in vm.toml"
    );
    Ok(())
}

fn ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;

    match status.signal() {
        Some(9) => "was killed: the host may be out of memory".to_owned(),
        _ => format!("exited with {status}"),
    }
}

/// The last lines of QEMU's log.
fn last_lines(log: &Path) -> String {
    child::last_lines(&fs::read_to_string(log).unwrap_or_default())
}

/// Starts QEMU so that it ends with this thread, and does not receive Ctrl-C.
fn spawn(command: &mut Command) -> io::Result<Child> {
    use std::os::unix::process::CommandExt;

    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let end_with_us = || {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            Ok(())
        };
        // SAFETY: the closure makes one system call, which is async-signal-safe, and touches no
        // memory of the parent.
        unsafe { command.pre_exec(end_with_us) };
    }
    command.spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_guest_that_needs_more_memory_than_there_is_is_refused() {
        check_free_memory(1).expect("there is that much");
        let error = check_free_memory(u32::MAX)
            .expect_err("nobody has 4 PiB")
            .to_string();
        assert!(
            error.contains("4294967295") && error.contains("vm.toml"),
            "{error}"
        );
    }

    #[test]
    fn a_comma_in_a_path_is_doubled() {
        assert_eq!(value(Path::new("/vms/a,b.img")), "/vms/a,,b.img");
    }

    #[test]
    fn the_last_lines_of_the_log_are_reported() {
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("qemu.log");
        assert_eq!(last_lines(&log), "it printed nothing");
        fs::write(&log, "first\nlast\n\n").expect("written");
        assert_eq!(last_lines(&log), "first | last");
    }
}
