// SPDX-License-Identifier: MIT OR Apache-2.0

//! What happens to a machine, as QEMU's monitor (QMP) tells it from outside.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use qapi::qmp::{
    DumpGuestMemoryFormat, DumpStatus, Event, GuestPanicInformation, dump_guest_memory, inject_nmi,
    query_dump, query_status, quit,
};
use qapi::{Command, ExecuteError, Qmp, Stream};

/// How long QEMU may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to write a machine's memory to a file.
const DUMP: Duration = Duration::from_mins(5);

/// Something that happened to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// Its kernel gave up; with its last words, if it told any.
    Panicked(Option<String>),
    /// It starts anew, because it wanted to.
    Restarted,
    /// It is off.
    PoweredOff,
    /// The host has no room for what it writes.
    NoSpace,
    /// Its agent has come or gone.
    Agent(bool),
}

/// The monitor of one machine.
pub(crate) struct Monitor {
    qmp: Qmp<Stream<BufReader<UnixStream>, UnixStream>>,
    /// Everything it ever told.
    log: File,
}

impl Monitor {
    /// Connects to `socket`; what it tells goes to `log`, too.
    pub(crate) fn connect(socket: &Path, log: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        // The handshake takes for granted that there is a greeting.
        ensure!(!reader.fill_buf()?.is_empty(), "QEMU closed its monitor");
        let mut qmp = Qmp::new(Stream::new(reader, stream));
        qmp.handshake()?;
        let log = File::create(log)?;
        Ok(Self { qmp, log })
    }

    fn ask<C: Command>(&mut self, command: &C) -> Result<C::Ok> {
        self.qmp.write_command(command)?;
        loop {
            match self.qmp.read_response::<C>() {
                // An event of a QEMU that is newer than the library.
                Err(ExecuteError::Io(error)) if error.kind() == ErrorKind::InvalidData => {}
                answer => {
                    return answer.with_context(|| format!("QEMU's monitor ({})", C::NAME));
                }
            }
        }
    }

    /// What has happened since it was last asked.
    pub(crate) fn poll(&mut self) -> Result<Vec<Happening>> {
        self.ask(&query_status {})?;
        let mut happened = Vec::new();
        for event in self.qmp.events() {
            writeln!(self.log, "{event:?}")?;
            happened.extend(told(event));
        }
        Ok(happened)
    }

    /// Wakes a machine that hangs with an interrupt that cannot be masked.
    pub(crate) fn interrupt(&mut self) -> Result<()> {
        self.ask(&inject_nmi {}).map(|_| ())
    }

    /// Writes the machine's memory to `path`, for the debugger that reads `format`;
    /// where that cannot be, for any.
    pub(crate) fn dump(&mut self, path: &Path, format: &str) -> Result<()> {
        let format = match format {
            "win-dmp" => DumpGuestMemoryFormat::win_dmp,
            _ => DumpGuestMemoryFormat::kdump_zlib,
        };
        self.dump_as(path, format)
            .or_else(|_| self.dump_as(path, DumpGuestMemoryFormat::elf))
    }

    fn dump_as(&mut self, path: &Path, format: DumpGuestMemoryFormat) -> Result<()> {
        self.ask(&dump_guest_memory {
            paging: false,
            protocol: format!("file:{}", path.display()),
            detach: Some(true),
            begin: None,
            length: None,
            format: Some(format),
        })?;
        let started = Instant::now();
        while started.elapsed() < DUMP {
            match self.ask(&query_dump {})?.status {
                DumpStatus::completed => return Ok(()),
                DumpStatus::failed | DumpStatus::none => bail!("QEMU cannot dump the memory"),
                DumpStatus::active => thread::sleep(Duration::from_millis(200)),
            }
        }
        bail!("QEMU does not get done with the dump")
    }

    /// Ends QEMU.
    pub(crate) fn quit(&mut self) -> Result<()> {
        self.ask(&quit {}).map(|_| ())
    }
}

/// What an event means for those who wait for the machine.
fn told(event: Event) -> Option<Happening> {
    Some(match event {
        Event::GUEST_PANICKED { data, .. } => {
            Happening::Panicked(data.info.map(|info| last_words(&info)))
        }
        Event::RESET { data, .. } if data.guest => Happening::Restarted,
        Event::SHUTDOWN { .. } => Happening::PoweredOff,
        Event::BLOCK_IO_ERROR { data, .. } if data.nospace == Some(true) => Happening::NoSpace,
        Event::VSERPORT_CHANGE { data, .. } => Happening::Agent(data.open),
        _ => return None,
    })
}

/// The bug check that Windows told its hypervisor.
fn last_words(info: &GuestPanicInformation) -> String {
    match info {
        GuestPanicInformation::hyper_v(told) => format!(
            "bug check {:#X} ({:#x}, {:#x}, {:#x}, {:#x})",
            told.arg1, told.arg2, told.arg3, told.arg4, told.arg5
        ),
        GuestPanicInformation::s390(_) => "it was not a PC".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use serde_json::{Value, json};

    use super::*;

    /// What an event of QEMU's means.
    fn meaning(name: &str, data: &Value) -> Option<Happening> {
        let timestamp = json!({"seconds": 1, "microseconds": 2});
        let event = json!({"event": name, "data": data, "timestamp": timestamp});
        told(serde_json::from_value(event).expect("one of QEMU's"))
    }

    #[test]
    fn a_panic_is_told_with_its_last_words() {
        let silent = json!({"action": "run"});
        let panicked = Happening::Panicked(None);
        assert_eq!(meaning("GUEST_PANICKED", &silent), Some(panicked));
        let info =
            json!({"type": "hyper-v", "arg1": 0xce, "arg2": 1, "arg3": 2, "arg4": 3, "arg5": 4});
        let words = "bug check 0xCE (0x1, 0x2, 0x3, 0x4)".to_owned();
        assert_eq!(
            meaning("GUEST_PANICKED", &json!({"action": "run", "info": info})),
            Some(Happening::Panicked(Some(words)))
        );
    }

    #[test]
    fn a_restart_counts_if_the_guest_wanted_it() {
        let reset = |guest: bool| {
            let reason = if guest {
                "guest-reset"
            } else {
                "host-qmp-system-reset"
            };
            meaning("RESET", &json!({"guest": guest, "reason": reason}))
        };
        assert_eq!(reset(true), Some(Happening::Restarted));
        assert_eq!(reset(false), None);
    }

    #[test]
    fn a_disk_that_fails_counts_if_it_is_full() {
        let failed = |nospace: bool| {
            let data = json!({
                "device": "", "node-name": "disk", "operation": "write", "action": "stop",
                "nospace": nospace, "reason": "No space left on device",
            });
            meaning("BLOCK_IO_ERROR", &data)
        };
        assert_eq!(failed(true), Some(Happening::NoSpace));
        assert_eq!(failed(false), None);
    }

    #[test]
    fn other_events_are_what_they_are_called() {
        assert_eq!(
            meaning(
                "SHUTDOWN",
                &json!({"guest": true, "reason": "guest-shutdown"})
            ),
            Some(Happening::PoweredOff)
        );
        for open in [true, false] {
            assert_eq!(
                meaning("VSERPORT_CHANGE", &json!({"id": "agent", "open": open})),
                Some(Happening::Agent(open))
            );
        }
        assert_eq!(meaning("STOP", &json!({})), None);
    }

    #[test]
    fn a_qemu_that_ends_before_its_greeting_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("monitor");
        let listener = UnixListener::bind(&socket).expect("bound");
        let ends = thread::spawn(move || drop(listener.accept().expect("someone connects")));
        let told = Monitor::connect(&socket, &directory.path().join("log"));
        let told = told.err().expect("no greeting").to_string();
        assert!(told.contains("closed"), "{told}");
        ends.join().expect("accepted");
    }

    #[test]
    fn events_of_a_newer_qemu_do_not_hide_the_others() {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("monitor");
        let listener = UnixListener::bind(&socket).expect("bound");
        let version = json!({"qemu": {"major": 99, "minor": 0, "micro": 0}, "package": ""});
        let time = json!({"seconds": 1, "microseconds": 2});
        let reset = json!({"guest": true, "reason": "guest-reset"});
        let said = [
            json!({"QMP": {"version": version, "capabilities": []}}),
            json!({"return": {}}),
            json!({"event": "MADE_LATER", "data": {"what": 1}, "timestamp": time}),
            json!({"event": "RESET", "data": reset, "timestamp": time}),
            json!({"return": {"status": "running", "running": true, "singlestep": false}}),
        ];
        let speaks = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("someone connects");
            for line in said {
                writeln!(stream, "{line}").expect("heard");
            }
            stream
        });
        let log = directory.path().join("log");
        let mut monitor = Monitor::connect(&socket, &log).expect("greeted");
        let happened = monitor.poll().expect("answered");
        assert_eq!(happened, [Happening::Restarted]);
        drop(speaks.join().expect("said"));
    }
}
