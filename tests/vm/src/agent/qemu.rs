// SPDX-License-Identifier: MIT OR Apache-2.0

//! QEMU's guest agent, the same on Linux and Windows, through a socket.
//!
//! A guest that does not answer leaves an incomplete exchange behind. Therefore each
//! failure closes the connection; the next request opens a new one, and synchronises by a
//! number that was not used before.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use qapi::qga::{
    GuestExecCaptureOutput, GuestExecStatus, GuestFileWhence, guest_exec, guest_exec_status,
    guest_file_close, guest_file_open, guest_file_read, guest_file_seek, guest_file_write,
    guest_ping, guest_sync,
};
use qapi::{Command, ExecuteError, Qga, Stream};

use super::{Agent, Output, Task};

type Connection = Qga<Stream<BufReader<UnixStream>, UnixStream>>;

/// The size of a transfer through the channel.
const CHUNK: usize = 512 * 1024;
/// Timeout of an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Interval of polling for the end of a process.
const PERIOD: Duration = Duration::from_millis(100);

/// The agent behind a socket.
pub(crate) struct QemuAgent {
    socket: PathBuf,
    /// The shell and its arguments before a command line.
    shell: &'static [&'static str],
    connection: Option<Connection>,
    /// The number of the last synchronisation.
    last: i32,
}

impl QemuAgent {
    pub(crate) fn new(socket: PathBuf, shell: &'static [&'static str]) -> Self {
        Self {
            socket,
            shell,
            connection: None,
            last: 0,
        }
    }

    /// Connects if there is no connection, within `patience`.
    fn connect(&mut self, patience: Duration) -> Result<()> {
        if self.connection.is_some() {
            return Ok(());
        }
        let stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let mut agent = Qga::new(Stream::new(BufReader::new(stream.try_clone()?), stream));
        self.last += 1;
        let sync = guest_sync {
            id: self.last.into(),
        };
        agent.write_command(&sync)?;
        let started = Instant::now();
        // Answers to earlier requests come first.
        loop {
            match agent.read_response::<guest_sync>() {
                Ok(id) if id == sync.id => break,
                Err(ExecuteError::Io(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    bail!("the guest's agent is not connected");
                }
                _ if started.elapsed() >= patience => bail!("the guest's agent does not answer"),
                _ => {}
            }
        }
        agent
            .inner()
            .get_ref_write()
            .set_read_timeout(Some(PATIENCE))?;
        self.connection = Some(agent);
        Ok(())
    }

    fn request<C: Command>(&mut self, command: &C) -> Result<C::Ok> {
        self.connect(PATIENCE)?;
        let agent = self.connection.as_mut().context("just connected")?;
        agent.execute(command).map_err(|error| match error {
            ExecuteError::Qapi(refusal) => anyhow!("{}", refusal.desc),
            ExecuteError::Io(error) => {
                self.connection = None;
                anyhow!("the guest's agent does not answer ({error})")
            }
        })
    }

    fn execute(&mut self, line: &str, capture: bool) -> Result<i64> {
        let [program, arguments @ ..] = self.shell else {
            bail!("the profile has no shell");
        };
        let arguments = arguments.iter().copied().chain([line]);
        let started = self.request(&guest_exec {
            path: (*program).to_owned(),
            arg: Some(arguments.map(str::to_owned).collect()),
            env: None,
            input_data: None,
            capture_output: Some(GuestExecCaptureOutput::flag(capture)),
        })?;
        Ok(started.pid)
    }

    fn status(&mut self, pid: i64) -> Result<Option<GuestExecStatus>> {
        let status = self.request(&guest_exec_status { pid })?;
        Ok(status.exited.then_some(status))
    }

    fn with_file<T>(
        &mut self,
        path: &str,
        mode: &str,
        work: impl FnOnce(&mut Self, i64) -> Result<T>,
    ) -> Result<T> {
        let handle = self.request(&guest_file_open {
            path: path.to_owned(),
            mode: Some(mode.to_owned()),
        })?;
        let done = work(self, handle);
        let closed = self.request(&guest_file_close { handle });
        // The first error is the cause.
        let done = done?;
        closed?;
        Ok(done)
    }

    fn write(&mut self, handle: i64, mut from: File) -> Result<()> {
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            (&mut from).take(CHUNK as u64).read_to_end(&mut chunk)?;
            if chunk.is_empty() {
                return Ok(());
            }
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                let written = self.request(&guest_file_write {
                    handle,
                    buf_b64: rest.to_vec(),
                    count: None,
                })?;
                let count = usize::try_from(written.count)?;
                if count == 0 {
                    bail!("the guest's disk is full");
                }
                rest = &rest[count.min(rest.len())..];
            }
        }
    }

    fn read(&mut self, handle: i64, offset: u64, to: &mut File) -> Result<()> {
        self.request(&guest_file_seek {
            handle,
            offset: i64::try_from(offset)?,
            whence: GuestFileWhence::value(0),
        })?;
        loop {
            let read = self.request(&guest_file_read {
                handle,
                count: Some(i64::try_from(CHUNK)?),
            })?;
            to.write_all(&read.buf_b64)?;
            if read.eof || read.count == 0 {
                return Ok(());
            }
        }
    }
}

fn text(bytes: Option<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

/// The exit status; that of a signal as shells report it.
fn code(status: &GuestExecStatus) -> i32 {
    let code = status.exitcode.or(status.signal.map(|signal| 128 + signal));
    code.and_then(|code| i32::try_from(code).ok()).unwrap_or(-1)
}

impl Agent for QemuAgent {
    fn answers(&mut self, patience: Duration) -> bool {
        let answered = self.connect(patience).and_then(|()| {
            let agent = self.connection.as_mut().context("just connected")?;
            let stream = agent.inner().get_ref_write();
            stream.set_read_timeout(Some(patience))?;
            agent.execute(&guest_ping {})?;
            agent
                .inner()
                .get_ref_write()
                .set_read_timeout(Some(PATIENCE))?;
            Ok(())
        });
        if answered.is_err() {
            self.connection = None;
        }
        answered.is_ok()
    }

    fn run(&mut self, line: &str, patience: Duration) -> Result<Output> {
        let pid = self.execute(line, true)?;
        let started = Instant::now();
        loop {
            if let Some(status) = self.status(pid)? {
                return Ok(Output {
                    status: code(&status),
                    out: text(status.out_data),
                    err: text(status.err_data),
                });
            }
            if started.elapsed() >= patience {
                bail!("`{line}` did not exit in the guest within {patience:?}");
            }
            thread::sleep(PERIOD);
        }
    }

    fn start(&mut self, line: &str) -> Result<Task> {
        self.execute(line, false).map(Task)
    }

    fn ended(&mut self, task: Task) -> Result<Option<i32>> {
        Ok(self.status(task.0)?.as_ref().map(code))
    }

    fn put(&mut self, from: &Path, to: &str) -> Result<()> {
        let file =
            File::open(from).with_context(|| format!("{} does not exist", from.display()))?;
        self.with_file(to, "wb", |agent, handle| agent.write(handle, file))
            .with_context(|| format!("{to} cannot be written in the guest"))
    }

    fn follow(&mut self, from: &str, to: &Path) -> Result<()> {
        let have = match fs::metadata(to) {
            Ok(file) => file.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(error.into()),
        };
        let mut to = OpenOptions::new().append(true).create(true).open(to)?;
        self.with_file(from, "rb", |agent, handle| {
            agent.read(handle, have, &mut to)
        })
        .with_context(|| format!("{from} cannot be read in the guest"))
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
