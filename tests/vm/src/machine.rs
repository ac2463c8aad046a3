// SPDX-License-Identifier: MIT OR Apache-2.0

//! A machine that QEMU plays.
//!
//! Its disk is an overlay that QEMU itself makes and that is gone with it. It ends
//! with this process, whatever ends that.

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

/// How long QEMU may take to begin, or to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// The program.
const QEMU: &str = "qemu-system-x86_64";
/// The name by which the agent in the guest finds its channel.
const CHANNEL: &str = "org.qemu.guest_agent.0";

/// A running machine; it is gone when this is dropped.
pub(crate) struct Machine {
    child: Child,
    pub(crate) monitor: Monitor,
    pub(crate) accelerator: Accelerator,
    sockets: TempDir,
    said: PathBuf,
}

impl Machine {
    /// Starts one. What it and QEMU say goes to files in `directory`, its overlay
    /// as well; what is known of the host is kept in `memory`.
    pub(crate) fn start(
        hardware: &Hardware,
        profile: &Profile,
        directory: &Path,
        memory: &Path,
    ) -> Result<Self> {
        let qemu = which::which(QEMU)
            .with_context(|| format!("{QEMU} is not on PATH: see `cargo xtask doctor`"))?;
        File::open(&hardware.disk).with_context(|| {
            let disk = hardware.disk.display();
            format!("the disk {disk} cannot be read: make it, or correct vm.toml")
        })?;
        has_room(hardware.memory)?;
        let kernel = hardware.kernel.as_ref().map(|kernel| &*kernel.image);
        let accelerator = Accelerator::choose(&qemu, hardware.accelerator, kernel, memory)?;
        // Their paths must be short.
        let sockets = tempfile::tempdir()?;
        let said = directory.join("qemu.log");
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
            // Where QEMU makes the overlay.
            .env("TMPDIR", directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said)?);
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
                bail!("QEMU {}: {}", ended(status), tail(&said));
            }
            thread::sleep(Duration::from_millis(50));
        };
        Ok(Self {
            child,
            monitor,
            accelerator,
            sockets,
            said,
        })
    }

    /// Where the guest's agent is reached.
    pub(crate) fn channel(&self) -> PathBuf {
        self.sockets.path().join("agent")
    }

    /// How QEMU ended, if it has.
    pub(crate) fn gone(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(format!("QEMU {}: {}", ended(status), tail(&self.said)))
    }

    /// Waits until QEMU has ended by itself.
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
        // One that has ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
    // A guest that panics is to restart by itself: its dump is in it.
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

/// A path within a list of options, where a comma is said twice.
fn value(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// Refuses what would make the host kill something.
fn has_room(mebibytes: u32) -> Result<()> {
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
        "the host has {available} MiB of memory to spare and the guest needs {mebibytes}: end \
         something, or give the guest less in vm.toml"
    );
    Ok(())
}

fn ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;

    match status.signal() {
        Some(9) => "was killed: the host may be out of memory".to_owned(),
        _ => format!("ended with {status}"),
    }
}

/// The last that QEMU said.
fn tail(said: &Path) -> String {
    let text = fs::read_to_string(said).unwrap_or_default();
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    last.unwrap_or("it said nothing").to_owned()
}

/// Starts QEMU so that it ends with this thread, and that Ctrl-C is not its.
fn spawn(command: &mut Command) -> io::Result<Child> {
    use std::os::unix::process::CommandExt;

    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let end_with_us = || {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            Ok(())
        };
        // SAFETY: between fork and exec it makes one system call.
        unsafe { command.pre_exec(end_with_us) };
    }
    command.spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_guest_that_the_host_has_no_room_for_is_refused() {
        has_room(1).expect("there is that much");
        let told = has_room(u32::MAX)
            .expect_err("nobody has 4 PiB")
            .to_string();
        assert!(
            told.contains("4294967295") && told.contains("vm.toml"),
            "{told}"
        );
    }

    #[test]
    fn a_comma_in_a_path_is_no_end_of_an_option() {
        assert_eq!(value(Path::new("/vms/a,b.img")), "/vms/a,,b.img");
    }

    #[test]
    fn the_last_that_qemu_said_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let said = directory.path().join("qemu.log");
        assert_eq!(tail(&said), "it said nothing");
        fs::write(&said, "first\nlast\n\n").expect("written");
        assert_eq!(tail(&said), "last");
    }
}
