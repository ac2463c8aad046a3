// SPDX-License-Identifier: MIT OR Apache-2.0

//! The agent behind an SSH server, through the `ssh` and `sftp` of this host: they use the
//! user's keys, agents, known hosts and jump hosts.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::{Agent, Output, Task};
use crate::ssh_server::SshServer;

/// Timeout of copying one file.
const COPY: Duration = Duration::from_mins(10);
/// Interval of polling for the end of a process.
const PERIOD: Duration = Duration::from_millis(20);
/// Exit status of `ssh` if it does not reach the server.
const UNREACHED: i32 = 255;

/// The agent; it keeps one connection open.
pub(crate) struct SshAgent {
    server: SshServer,
    /// A connection that is silent for this long is given up.
    silence: Duration,
    /// The directory of the socket of `ssh`'s shared connection.
    shared: TempDir,
    tasks: Vec<Child>,
}

impl SshAgent {
    pub(crate) fn new(server: SshServer, silence: Duration) -> Result<Self> {
        Ok(Self {
            server,
            silence,
            shared: tempfile::tempdir()?,
            tasks: Vec::new(),
        })
    }

    /// A command of `program`, with the options that `ssh` and `sftp` share.
    fn command(&self, program: &str, patience: Duration) -> Command {
        let mut command = Command::new(program);
        let mut option = |option: String| {
            command.args(["-o", &option]);
        };
        let silence = self.silence.as_secs().max(1);
        let connect = patience.as_secs().clamp(1, silence);
        // Interval of keep-alive messages.
        let interval = silence.div_ceil(2).min(5);
        let questions = (silence / interval).saturating_sub(1).max(1);
        option("BatchMode=yes".to_owned());
        option(format!("ConnectTimeout={connect}"));
        option(format!("ServerAliveInterval={interval}"));
        option(format!("ServerAliveCountMax={questions}"));
        if cfg!(unix) {
            // Short: the length of a socket's path is limited.
            let path = self.shared.path().join("c");
            option("ControlMaster=auto".to_owned());
            option(format!("ControlPath=\"{}\"", path.display()));
            option("ControlPersist=60".to_owned());
        }
        for more in &self.server.options {
            option(more.clone());
        }
        if let Some(port) = self.server.port {
            option(format!("Port={port}"));
        }
        if let Some(user) = &self.server.user {
            option(format!("User={user}"));
        }
        if let Some(key) = &self.server.key {
            option(format!("IdentityFile=\"{}\"", key.display()));
        }
        command.stdin(Stdio::null());
        command
    }

    fn shell(&self, line: &str, patience: Duration) -> Command {
        let mut ssh = self.command("ssh", patience);
        ssh.arg("--").arg(&self.server.host).arg(line);
        ssh
    }

    /// Runs one command of `sftp`.
    fn transfer(&self, what: &str) -> Result<()> {
        let mut batch = tempfile::tempfile()?;
        writeln!(batch, "{what}")?;
        batch.rewind()?;
        let mut sftp = self.command("sftp", COPY);
        sftp.args(["-q", "-b", "-"])
            .arg("--")
            .arg(&self.server.host);
        sftp.stdin(batch);
        let (status, _, err) = bounded(&mut sftp, COPY)?;
        if !status.success() {
            bail!("sftp fails: {}", err.trim());
        }
        Ok(())
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        for task in &mut self.tasks {
            // An error means that it has exited already.
            let _ = task.kill();
            let _ = task.wait();
        }
        let mut close = self.command("ssh", Duration::from_secs(1));
        close.args(["-O", "exit", "--"]).arg(&self.server.host);
        // It fails if there is no connection.
        let _ = close.output();
    }
}

/// Runs `command` to its end, or kills it after `patience`.
fn bounded(command: &mut Command, patience: Duration) -> Result<(ExitStatus, String, String)> {
    let program = command.get_program().to_string_lossy().into_owned();
    // Files instead of pipes: a full pipe would block the program.
    let [mut out, mut err] = [tempfile::tempfile()?, tempfile::tempfile()?];
    let mut child = command
        .stdout(out.try_clone()?)
        .stderr(err.try_clone()?)
        .spawn()
        .with_context(|| format!("{program} cannot be run: install OpenSSH's client"))?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() >= patience {
            child.kill()?;
            child.wait()?;
            bail!("{program} did not exit within {patience:?}");
        }
        thread::sleep(PERIOD);
    };
    Ok((status, all(&mut out)?, all(&mut err)?))
}

fn all(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A path of the guest in the syntax of `sftp`: `/C:/nmr/x` for `C:\nmr\x`.
fn remote(path: &str) -> String {
    match path.as_bytes() {
        [_, b':', ..] => format!("\"/{}\"", path.replace('\\', "/")),
        _ => format!("\"{path}\""),
    }
}

impl Agent for SshAgent {
    fn answers(&mut self, patience: Duration) -> bool {
        let mut nothing = self.shell("exit 0", patience);
        bounded(&mut nothing, patience).is_ok_and(|(status, ..)| status.success())
    }

    fn run(&mut self, line: &str, patience: Duration) -> Result<Output> {
        let (status, out, err) = bounded(&mut self.shell(line, patience), patience)?;
        let status = status.code().unwrap_or(UNREACHED);
        if status == UNREACHED {
            bail!("{} cannot be reached: {}", self.server.host, err.trim());
        }
        Ok(Output { status, out, err })
    }

    fn start(&mut self, line: &str) -> Result<Task> {
        let mut ssh = self.shell(line, Duration::from_secs(30));
        let child = ssh.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        self.tasks.push(child);
        Ok(Task(i64::try_from(self.tasks.len() - 1)?))
    }

    fn ended(&mut self, task: Task) -> Result<Option<i32>> {
        let child = usize::try_from(task.0)
            .ok()
            .and_then(|at| self.tasks.get_mut(at));
        let Some(status) = child.context("a task of this agent")?.try_wait()? else {
            return Ok(None);
        };
        match status.code() {
            None | Some(UNREACHED) => bail!("the connection to {} is lost", self.server.host),
            status => Ok(status),
        }
    }

    fn put(&mut self, from: &Path, to: &str) -> Result<()> {
        self.transfer(&format!("put \"{}\" {}", from.display(), remote(to)))
            .with_context(|| format!("{} cannot be copied to {to}", from.display()))
    }

    fn follow(&mut self, from: &str, to: &Path) -> Result<()> {
        self.transfer(&format!("reget {} \"{}\"", remote(from), to.display()))
            .with_context(|| format!("{from} cannot be read in the guest"))
    }
}

#[cfg(all(test, feature = "sshd", target_os = "linux"))]
mod tests_with_server;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_paths_are_translated_for_sftp() {
        assert_eq!(remote(r"C:\nmr\out.jsonl"), "\"/C:/nmr/out.jsonl\"");
        assert_eq!(remote("/nmr/out.jsonl"), "\"/nmr/out.jsonl\"");
    }
}
