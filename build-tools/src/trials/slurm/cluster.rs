// SPDX-License-Identifier: MIT OR Apache-2.0

//! A Slurm cluster of this machine, on loopback: its controller, its node, and MUNGE, which
//! they trust. Needs root. Ends with its value.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::workspace::output;

/// The time until the node must be ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running cluster.
pub(super) struct Cluster {
    configuration: PathBuf,
    /// MUNGE, the controller and the node.
    daemons: Vec<Child>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            // An error means that it has ended already.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

impl Cluster {
    /// Starts a cluster whose files are in `directory`, which is not there yet.
    pub(super) fn start(directory: &Path) -> Result<Self> {
        for part in ["", "state", "spool"] {
            fs::create_dir(directory.join(part))?;
        }
        let host = output(Command::new("hostname").arg("--short"))?;
        let configuration = directory.join("slurm.conf");
        fs::write(&configuration, configured(directory, host.trim()))?;
        let mut cluster = Self {
            configuration,
            daemons: Vec::new(),
        };
        let key = directory.join("munge.key");
        let mut bytes = [0; 1024];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        fs::write(&key, bytes)?;
        // MUNGE insists on it.
        output(Command::new("chmod").arg("600").arg(&key))?;
        let mut munged = Command::new("munged");
        munged.args(["--foreground", "--force"]);
        for (option, name) in [
            ("key-file", "munge.key"),
            ("socket", "munge.socket"),
            ("pid-file", "munged.pid"),
            ("log-file", "munged.log"),
            ("seed-file", "munged.seed"),
        ] {
            munged.arg(format!("--{option}={}", directory.join(name).display()));
        }
        cluster.begin(munged)?;
        let socket = directory.join("munge.socket");
        wait_until(|| Ok(socket.exists())).context("MUNGE does not begin")?;
        for daemon in ["slurmctld", "slurmd"] {
            let mut command = cluster.command(daemon);
            command.arg("-D");
            cluster.begin(command)?;
        }
        let ready = || {
            let states = cluster.output("sinfo", &["--noheader", "--format=%T"]);
            Ok(states.is_ok_and(|it| it.trim() == "idle"))
        };
        wait_until(ready).context("the cluster does not become ready")?;
        Ok(cluster)
    }

    fn begin(&mut self, mut daemon: Command) -> Result<()> {
        daemon
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = daemon.spawn();
        let name = daemon.get_program().to_string_lossy();
        self.daemons
            .push(started.with_context(|| format!("{name} cannot be run"))?);
        Ok(())
    }

    /// Returns `true` if tasks of this job wait or run.
    pub(super) fn has(&self, job: &str) -> Result<bool> {
        let left = self.output("squeue", &["--noheader", "--jobs", job])?;
        Ok(!left.trim().is_empty())
    }

    /// A program of Slurm that speaks to this cluster.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", &self.configuration);
        command
    }

    /// What such a program prints.
    pub(super) fn output(&self, program: &str, arguments: &[&str]) -> Result<String> {
        output(self.command(program).args(arguments))
    }
}

/// The configuration of a cluster whose only node is `host`.
fn configured(directory: &Path, host: &str) -> String {
    let directory = directory.display();
    // A requeued task waits until its old credential has expired: two minutes by default.
    format!(
        "\
ClusterName=nmr
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={directory}/munge.socket,cred_expire=5
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES State=UP
"
    )
}

fn wait_until(is_so: impl Fn() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    while !is_so()? {
        ensure!(
            started.elapsed() < PATIENCE,
            "waited {} s",
            PATIENCE.as_secs()
        );
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
