// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tests of the agent with a real SSH server, or without one.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Agent, SshAgent, Task};
use crate::sshd::Sshd;

/// A timeout that is never reached.
const AMPLE: Duration = Duration::from_secs(30);

fn agent(sshd: &Sshd) -> SshAgent {
    SshAgent::new(sshd.ssh(), AMPLE).expect("a directory")
}

/// A command line that runs until the test ends.
fn as_long_as(directory: &TempDir) -> String {
    let directory = directory.path().display();
    format!("while test -e {directory}; do sleep 0.1; done")
}

/// Waits for the end of a task.
fn end(agent: &mut SshAgent, task: Task) -> anyhow::Result<i32> {
    let started = Instant::now();
    loop {
        if let Some(status) = agent.ended(task)? {
            return Ok(status);
        }
        assert!(started.elapsed() < AMPLE, "the task does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_command_line_returns_status_and_output() {
    let sshd = Sshd::start();
    let mut agent = agent(&sshd);
    assert!(agent.answers(AMPLE));
    let output = agent.run("echo out; echo err >&2; exit 3", AMPLE);
    let output = output.expect("it ran");
    assert_eq!((output.status, &*output.out), (3, "out\n"));
    assert!(output.err.ends_with("err\n"), "{}", output.err);
    let error = output.succeeded("a line").expect_err("it failed");
    assert!(error.to_string().contains("a line") && error.to_string().contains("err"));
}

#[test]
fn an_endless_command_line_times_out() {
    let sshd = Sshd::start();
    let mut agent = agent(&sshd);
    let directory = tempfile::tempdir().expect("a directory");
    let error = agent.run(&as_long_as(&directory), Duration::from_secs(1));
    let error = error.expect_err("too long").to_string();
    assert!(error.contains("did not exit"), "{error}");
    assert!(agent.answers(AMPLE), "the next one is answered");
}

#[test]
fn a_task_runs_beside_other_command_lines() {
    let sshd = Sshd::start();
    let mut agent = agent(&sshd);
    let directory = tempfile::tempdir().expect("a directory");
    let go = directory.path().join("go");
    let wait = format!(
        "until test -e {}; do sleep 0.02; done; exit 5",
        go.display()
    );
    let task = agent.start(&wait).expect("started");
    let touch = format!("touch {}", go.display());
    assert_eq!(agent.ended(task).expect("a task"), None);
    assert_eq!(agent.run(&touch, AMPLE).expect("it ran").status, 0);
    assert_eq!(end(&mut agent, task).expect("a task"), 5);
}

#[test]
fn a_lost_connection_is_not_the_end_of_its_task() {
    let sshd = Sshd::start();
    let mut agent = agent(&sshd);
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path().display();
    let line = format!("touch {here}/begun; {}", as_long_as(&directory));
    let task = agent.start(&line).expect("started");
    let begun = format!("until test -e {here}/begun; do sleep 0.02; done");
    agent.run(&begun, AMPLE).expect("it has begun");
    sshd.cut();
    let error = end(&mut agent, task).expect_err("cut").to_string();
    assert!(error.contains("lost"), "{error}");
    assert!(agent.answers(AMPLE), "a new connection is made");
}

#[test]
fn only_new_content_of_a_file_is_copied() {
    let sshd = Sshd::start();
    let mut agent = agent(&sshd);
    let directory = tempfile::tempdir().expect("a directory");
    // Paths with blanks.
    let there = directory.path().join("over there.txt");
    let here = directory.path().join("at home.txt");
    let from = there.to_str().expect("text").to_owned();
    let missing = agent.follow(&from, &here).expect_err("not there");
    assert!(format!("{missing:#}").contains("over there.txt"));
    assert!(!here.exists(), "no file is made");

    fs::write(&there, "one\n").expect("written");
    agent.follow(&from, &here).expect("there");
    // Content that was copied before is not compared.
    fs::write(&here, "ONE\n").expect("written");
    let mut grows = OpenOptions::new().append(true).open(&there);
    let grows = grows.as_mut().expect("there");
    grows.write_all(b"two\n").expect("written");
    agent.follow(&from, &here).expect("there");
    agent.follow(&from, &here).expect("nothing new is no error");
    assert_eq!(fs::read_to_string(&here).expect("text"), "ONE\ntwo\n");
}

#[test]
fn a_file_is_copied_unchanged() {
    let sshd = Sshd::start();
    let mut agent = agent(&sshd);
    let directory = tempfile::tempdir().expect("a directory");
    let from = directory.path().join("a driver [1].sys");
    let bytes: Vec<_> = (0..=u8::MAX).cycle().take(300_000).collect();
    fs::write(&from, &bytes).expect("written");
    let to = directory.path().join("its copy.sys");
    let there = to.to_str().expect("text");
    agent.put(&from, there).expect("copied");
    assert_eq!(fs::read(&to).expect("there"), bytes);
    let nowhere = directory.path().join("nowhere/x");
    let error = agent.put(&from, nowhere.to_str().expect("text"));
    let error = format!("{:#}", error.expect_err("no such directory"));
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn a_key_may_be_anywhere() {
    let sshd = Sshd::start();
    let directory = tempfile::tempdir().expect("a directory");
    let mut ssh = sshd.ssh();
    let key = directory.path().join("my key");
    fs::copy(ssh.key.take().expect("a key"), &key).expect("copied");
    ssh.key = Some(key);
    let mut agent = SshAgent::new(ssh, AMPLE).expect("a directory");
    assert!(agent.answers(AMPLE));
}

#[test]
fn a_refused_key_is_reported() {
    let sshd = Sshd::start();
    let mut ssh = sshd.ssh();
    ssh.key = Some(sshd.unknown_key());
    let mut agent = SshAgent::new(ssh, AMPLE).expect("a directory");
    assert!(!agent.answers(AMPLE));
    let error = agent.run("exit 0", AMPLE).expect_err("refused").to_string();
    assert!(error.contains("Permission denied"), "{error}");
}

#[test]
fn a_missing_server_is_detected_at_once() {
    let mut sshd = Sshd::start();
    sshd.end();
    let started = Instant::now();
    let mut agent = agent(&sshd);
    assert!(!agent.answers(AMPLE));
    let error = agent.run("exit 0", AMPLE).expect_err("nobody").to_string();
    assert!(error.contains("refused"), "{error}");
    assert!(started.elapsed() < AMPLE);
}

#[test]
fn a_silent_server_times_out() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let sshd = Sshd::start();
    let mut ssh = sshd.ssh();
    ssh.port = Some(silent.local_addr().expect("bound").port());
    let mut agent = SshAgent::new(ssh, AMPLE).expect("a directory");
    let started = Instant::now();
    assert!(!agent.answers(Duration::from_secs(1)));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_frozen_connection_is_given_up() {
    let sshd = Sshd::start();
    let mut agent = SshAgent::new(sshd.ssh(), Duration::from_secs(2)).expect("a directory");
    assert!(agent.answers(AMPLE));
    let directory = tempfile::tempdir().expect("a directory");
    let task = agent.start(&as_long_as(&directory)).expect("started");
    sshd.freeze();
    let error = end(&mut agent, task).expect_err("silent").to_string();
    assert!(error.contains("lost"), "{error}");
}
