// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tests of the client with a fake agent.

use std::fs;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use qapi::qga::{GuestFileRead, guest_file_write};
use serde_json::{from_value, json, to_value};

use super::fake::Fake;
use super::{Agent, QemuAgent, Task};

/// A timeout that is never reached.
const AMPLE: Duration = Duration::from_secs(30);

#[test]
fn answers_to_earlier_requests_are_skipped() {
    let stale = concat!(
        "urn\": {}}\n",
        "{\"return\": {\"pid\": 7}}\n",
        "{\"return\": 0}\n",
        "{\"error\": {\"class\": \"GenericError\", \"desc\": \"of before\"}}\n",
    );
    let fake = Fake::start(stale, |name, _| match name {
        "guest-ping" => Ok(json!({})),
        _ => Ok(json!({"pid": 8})),
    });
    let mut agent = fake.agent();
    assert!(agent.answers(AMPLE));
    assert_eq!(agent.start("exit 0").expect("started"), Task(8));
}

#[test]
fn a_silent_agent_times_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("agent");
    let mut agent = QemuAgent::new(socket.clone(), &["/bin/sh", "-c"]);
    assert!(!agent.answers(AMPLE), "nobody is there");
    let _silent = UnixListener::bind(&socket).expect("bound");
    let started = Instant::now();
    assert!(!agent.answers(Duration::from_millis(100)));
    assert!(started.elapsed() < AMPLE);
}

#[test]
fn a_closed_channel_is_no_agent() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("agent");
    let listener = UnixListener::bind(&socket).expect("bound");
    let closes = thread::spawn(move || drop(listener.accept().expect("someone connects")));
    let mut agent = QemuAgent::new(socket, &["/bin/sh", "-c"]);
    let started = Instant::now();
    assert!(!agent.answers(AMPLE));
    assert!(started.elapsed() < AMPLE);
    closes.join().expect("accepted");
}

#[test]
fn a_command_line_is_run_by_the_shell_to_its_end() {
    let mut asked = 0;
    let fake = Fake::start("", move |name, arguments| match name {
        "guest-exec" => {
            assert_eq!(arguments["path"], "/bin/sh");
            assert_eq!(arguments["arg"], json!(["-c", "a line"]));
            assert_eq!(arguments["capture-output"], true);
            Ok(json!({"pid": 8}))
        }
        "guest-exec-status" => {
            assert_eq!(arguments["pid"], 8);
            asked += 1;
            Ok(match asked {
                1 => json!({"exited": false}),
                _ => json!({
                    "exited": true, "exitcode": 3, "out-data": "b3V0Cg==", "err-data": "ZXJyCg==",
                }),
            })
        }
        _ => Err("what?"),
    });
    let output = fake.agent().run("a line", AMPLE).expect("it ran");
    assert_eq!(
        (output.status, &*output.out, &*output.err),
        (3, "out\n", "err\n")
    );
}

#[test]
fn an_endless_command_line_times_out() {
    let fake = Fake::start("", |name, _| match name {
        "guest-exec" => Ok(json!({"pid": 8})),
        _ => Ok(json!({"exited": false})),
    });
    let error = fake.agent().run("a line", Duration::from_millis(100));
    let error = error.expect_err("too long").to_string();
    assert!(
        error.contains("a line") && error.contains("100ms"),
        "{error}"
    );
}

#[test]
fn a_killed_task_has_ended() {
    let fake = Fake::start("", |_, arguments| match arguments["pid"].as_i64() {
        Some(8) => Ok(json!({"exited": false})),
        Some(9) => Ok(json!({"exited": true, "signal": 9})),
        _ => Err("PID 10 does not exist"),
    });
    let mut agent = fake.agent();
    assert_eq!(agent.ended(Task(8)).expect("known"), None);
    assert_eq!(agent.ended(Task(9)).expect("known"), Some(137));
    let error = agent.ended(Task(10)).expect_err("unknown").to_string();
    assert_eq!(error, "PID 10 does not exist");
}

#[test]
fn a_file_is_sent_completely() {
    /// The size that the guest accepts at once.
    const TAKEN: usize = 300_000;

    let file = Arc::<Mutex<Vec<u8>>>::default();
    let there = Arc::clone(&file);
    let fake = Fake::start("", move |name, arguments| match name {
        "guest-file-open" => {
            assert_eq!(
                (&arguments["path"], &arguments["mode"]),
                (&json!("/there"), &json!("wb"))
            );
            Ok(json!(5))
        }
        "guest-file-write" => {
            let written: guest_file_write = from_value(arguments.clone()).expect("a write");
            assert_eq!(written.handle, 5);
            let taken = &written.buf_b64[..written.buf_b64.len().min(TAKEN)];
            there.lock().expect("whole").extend_from_slice(taken);
            Ok(json!({"count": taken.len(), "eof": false}))
        }
        "guest-file-close" => Ok(json!({})),
        _ => Err("what?"),
    });
    let directory = tempfile::tempdir().expect("a directory");
    let from = directory.path().join("driver.sys");
    let bytes: Vec<_> = (0..=u8::MAX).cycle().take(1_000_000).collect();
    fs::write(&from, &bytes).expect("written");
    fake.agent().put(&from, "/there").expect("copied");
    assert!(*file.lock().expect("whole") == bytes);
}

#[test]
fn the_reason_why_a_file_cannot_be_sent_is_reported() {
    let fake = Fake::start("", |name, _| match name {
        "guest-file-open" => Ok(json!(5)),
        "guest-file-write" => Ok(json!({"count": 0, "eof": false})),
        _ => Err("handle '5' has not been found"),
    });
    let directory = tempfile::tempdir().expect("a directory");
    let from = directory.path().join("driver.sys");
    fs::write(&from, "some").expect("written");
    let error = fake.agent().put(&from, "/there").expect_err("no room");
    let error = format!("{error:#}");
    assert!(
        error.contains("/there") && error.contains("full"),
        "{error}"
    );
}

#[test]
fn only_new_content_of_a_file_is_copied() {
    let (file, mut at) = (b"one\ntwo\nthree\n", 0);
    let fake = Fake::start("", move |name, arguments| match name {
        "guest-file-open" if arguments["path"] == "/none" => Err("No such file or directory"),
        "guest-file-open" => Ok(json!(5)),
        "guest-file-seek" => {
            assert_eq!(arguments["whence"], 0);
            at = usize::try_from(arguments["offset"].as_u64().expect("a number")).expect("small");
            Ok(json!({"position": at, "eof": false}))
        }
        "guest-file-read" => {
            let some = &file[at..file.len().min(at + 3)];
            at += some.len();
            let read = GuestFileRead {
                buf_b64: some.to_vec(),
                count: i64::try_from(some.len()).expect("small"),
                eof: at == file.len(),
            };
            Ok(to_value(read).expect("data"))
        }
        "guest-file-close" => Ok(json!({})),
        _ => Err("what?"),
    });
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path().join("out.jsonl");
    let mut agent = fake.agent();
    fs::write(&here, "ONE\n").expect("written");
    for _ in 0..2 {
        agent.follow("/there", &here).expect("there");
        let have = fs::read_to_string(&here).expect("text");
        assert_eq!(have, "ONE\ntwo\nthree\n");
    }
    let error = agent.follow("/none", &here).expect_err("not there");
    let error = format!("{error:#}");
    assert!(
        error.contains("/none") && error.contains("No such file"),
        "{error}"
    );
}
