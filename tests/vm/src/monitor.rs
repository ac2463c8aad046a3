// SPDX-License-Identifier: MIT OR Apache-2.0

//! QEMU's monitor (QMP): events of a machine, NMIs, and memory dumps.

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

/// Timeout of an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Timeout of a memory dump.
const DUMP: Duration = Duration::from_mins(5);

/// An event of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MachineEvent {
    /// Its kernel crashed, with its message to the hypervisor, if any.
    Panicked(Option<String>),
    /// The guest has restarted itself.
    Restarted,
    /// The guest was shut down.
    PoweredOff,
    /// The host's disk is full.
    NoSpace,
    /// Its agent has opened or closed its channel.
    Agent(bool),
}

/// The monitor of one machine.
pub(crate) struct Monitor {
    qmp: Qmp<Stream<BufReader<UnixStream>, UnixStream>>,
    /// A log of all events.
    log: File,
}

impl Monitor {
    /// Connects to `socket`; all events are also written to `log`.
    pub(crate) fn connect(socket: &Path, log: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        // The library's handshake assumes that there is a greeting.
        ensure!(!reader.fill_buf()?.is_empty(), "QEMU closed its monitor");
        let mut qmp = Qmp::new(Stream::new(reader, stream));
        qmp.handshake()?;
        let log = File::create(log)?;
        Ok(Self { qmp, log })
    }

    fn request<C: Command>(&mut self, command: &C) -> Result<C::Ok> {
        self.qmp.write_command(command)?;
        loop {
            match self.qmp.read_response::<C>() {
                // An event that the library does not know: QEMU is newer.
                Err(ExecuteError::Io(error)) if error.kind() == ErrorKind::InvalidData => {}
                answer => {
                    return answer.with_context(|| format!("QEMU's monitor ({})", C::NAME));
                }
            }
        }
    }

    /// The events since the last poll.
    pub(crate) fn poll(&mut self) -> Result<Vec<MachineEvent>> {
        self.request(&query_status {})?;
        let mut events = Vec::new();
        for event in self.qmp.events() {
            writeln!(self.log, "{event:?}")?;
            events.extend(meaning(event));
        }
        Ok(events)
    }

    /// Sends an NMI.
    pub(crate) fn interrupt(&mut self) -> Result<()> {
        self.request(&inject_nmi {}).map(|_| ())
    }

    /// Writes the machine's memory to `path` in `format`, or if that fails, as ELF.
    pub(crate) fn dump(&mut self, path: &Path, format: &str) -> Result<()> {
        let format = match format {
            "win-dmp" => DumpGuestMemoryFormat::win_dmp,
            _ => DumpGuestMemoryFormat::kdump_zlib,
        };
        self.dump_as(path, format)
            .or_else(|_| self.dump_as(path, DumpGuestMemoryFormat::elf))
    }

    fn dump_as(&mut self, path: &Path, format: DumpGuestMemoryFormat) -> Result<()> {
        self.request(&dump_guest_memory {
            paging: false,
            protocol: format!("file:{}", path.display()),
            detach: Some(true),
            begin: None,
            length: None,
            format: Some(format),
        })?;
        let started = Instant::now();
        while started.elapsed() < DUMP {
            match self.request(&query_dump {})?.status {
                DumpStatus::completed => return Ok(()),
                DumpStatus::failed | DumpStatus::none => bail!("QEMU cannot dump the memory"),
                DumpStatus::active => thread::sleep(Duration::from_millis(200)),
            }
        }
        bail!("QEMU does not finish the memory dump")
    }

    /// Ends QEMU.
    pub(crate) fn quit(&mut self) -> Result<()> {
        self.request(&quit {}).map(|_| ())
    }
}

/// The meaning of an event; `None` if it is ignored.
fn meaning(event: Event) -> Option<MachineEvent> {
    Some(match event {
        Event::GUEST_PANICKED { data, .. } => {
            MachineEvent::Panicked(data.info.map(|info| panic_message(&info)))
        }
        Event::RESET { data, .. } if data.guest => MachineEvent::Restarted,
        Event::SHUTDOWN { .. } => MachineEvent::PoweredOff,
        Event::BLOCK_IO_ERROR { data, .. } if data.nospace == Some(true) => MachineEvent::NoSpace,
        Event::VSERPORT_CHANGE { data, .. } => MachineEvent::Agent(data.open),
        _ => return None,
    })
}

/// The bug check that Windows reports to its hypervisor.
fn panic_message(info: &GuestPanicInformation) -> String {
    match info {
        GuestPanicInformation::hyper_v(panic) => format!(
            "bug check {:#X} ({:#x}, {:#x}, {:#x}, {:#x})",
            panic.arg1, panic.arg2, panic.arg3, panic.arg4, panic.arg5
        ),
        GuestPanicInformation::s390(_) => "not a PC".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use serde_json::{Value, json};

    use super::*;

    /// The meaning of an event of QEMU.
    fn meaning_of(name: &str, data: &Value) -> Option<MachineEvent> {
        let timestamp = json!({"seconds": 1, "microseconds": 2});
        let event = json!({"event": name, "data": data, "timestamp": timestamp});
        meaning(serde_json::from_value(event).expect("an event"))
    }

    #[test]
    fn a_panic_has_its_message() {
        let silent = json!({"action": "run"});
        let panicked = MachineEvent::Panicked(None);
        assert_eq!(meaning_of("GUEST_PANICKED", &silent), Some(panicked));
        let info =
            json!({"type": "hyper-v", "arg1": 0xce, "arg2": 1, "arg3": 2, "arg4": 3, "arg5": 4});
        let message = "bug check 0xCE (0x1, 0x2, 0x3, 0x4)".to_owned();
        assert_eq!(
            meaning_of("GUEST_PANICKED", &json!({"action": "run", "info": info})),
            Some(MachineEvent::Panicked(Some(message)))
        );
    }

    #[test]
    fn a_restart_counts_if_the_guest_requested_it() {
        let reset = |guest: bool| {
            let reason = if guest {
                "guest-reset"
            } else {
                "host-qmp-system-reset"
            };
            meaning_of("RESET", &json!({"guest": guest, "reason": reason}))
        };
        assert_eq!(reset(true), Some(MachineEvent::Restarted));
        assert_eq!(reset(false), None);
    }

    #[test]
    fn a_disk_error_counts_if_the_disk_is_full() {
        let failed = |nospace: bool| {
            let data = json!({
                "device": "", "node-name": "disk", "operation": "write", "action": "stop",
                "nospace": nospace, "reason": "No space left on device",
            });
            meaning_of("BLOCK_IO_ERROR", &data)
        };
        assert_eq!(failed(true), Some(MachineEvent::NoSpace));
        assert_eq!(failed(false), None);
    }

    #[test]
    fn shutdown_and_agent_events_are_recognised() {
        assert_eq!(
            meaning_of(
                "SHUTDOWN",
                &json!({"guest": true, "reason": "guest-shutdown"})
            ),
            Some(MachineEvent::PoweredOff)
        );
        for open in [true, false] {
            assert_eq!(
                meaning_of("VSERPORT_CHANGE", &json!({"id": "agent", "open": open})),
                Some(MachineEvent::Agent(open))
            );
        }
        assert_eq!(meaning_of("STOP", &json!({})), None);
    }

    #[test]
    fn a_missing_greeting_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("monitor");
        let listener = UnixListener::bind(&socket).expect("bound");
        let ends = thread::spawn(move || drop(listener.accept().expect("a connection")));
        let error = Monitor::connect(&socket, &directory.path().join("log"));
        let error = error.err().expect("no greeting").to_string();
        assert!(error.contains("closed"), "{error}");
        ends.join().expect("accepted");
    }

    #[test]
    fn unknown_events_are_skipped() {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("monitor");
        let listener = UnixListener::bind(&socket).expect("bound");
        let version = json!({"qemu": {"major": 99, "minor": 0, "micro": 0}, "package": ""});
        let time = json!({"seconds": 1, "microseconds": 2});
        let reset = json!({"guest": true, "reason": "guest-reset"});
        let lines = [
            json!({"QMP": {"version": version, "capabilities": []}}),
            json!({"return": {}}),
            json!({"event": "MADE_LATER", "data": {"what": 1}, "timestamp": time}),
            json!({"event": "RESET", "data": reset, "timestamp": time}),
            json!({"return": {"status": "running", "running": true, "singlestep": false}}),
        ];
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            for line in lines {
                writeln!(stream, "{line}").expect("written");
            }
            stream
        });
        let log = directory.path().join("log");
        let mut monitor = Monitor::connect(&socket, &log).expect("connected");
        let events = monitor.poll().expect("answered");
        assert_eq!(events, [MachineEvent::Restarted]);
        drop(server.join().expect("served"));
    }
}
