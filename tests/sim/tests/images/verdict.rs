// SPDX-License-Identifier: MIT OR Apache-2.0

//! The last line of `cargo xtask`, the lines above it, and Ctrl-C.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use scenarios::Role;
use serde_json::Value;

use crate::fixture::Workshop;
use crate::pair::driver;

/// `cargo xtask` with `arguments`.
fn xtask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("xtask")
        .args(arguments);
    command
}

/// The pair, named as if it were another one: it is not built.
fn pair() -> [String; 4] {
    let [provider, client] = ["provider.sys", "client.sys"].map(driver);
    [
        "--provider".to_owned(),
        provider.display().to_string(),
        "--client".to_owned(),
        client.display().to_string(),
    ]
}

/// The lines that it prints; it must exit with `status`.
fn lines(command: &mut Command, status: i32) -> Vec<String> {
    let output = command.output().expect("cargo runs this test");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{text}{errors}");
    assert!(!text.contains('\u{1b}'), "{text}");
    text.lines().map(str::to_owned).collect()
}

/// The last line.
fn last(command: &mut Command, status: i32) -> String {
    lines(command, status).pop().expect("a verdict")
}

#[test]
fn a_clean_run_fits_a_screen_and_ends_with_its_verdict() {
    let mut command = xtask(&["stress", "--seed=7", "--cycles=1200"]);
    let lines = lines(command.args(pair()), 0);
    assert!(lines.len() <= 23, "{lines:#?}");
    let verdict = lines.last().expect("a verdict");
    assert!(verdict.starts_with("PASS  1,200 cycles in "), "{verdict}");
    assert!(verdict.ends_with(" s: 0 findings, seed 7"), "{verdict}");
    // The numbers of the table end in the same column.
    let of = |start| lines.iter().position(|line| line.starts_with(start));
    let (first, last) = (of("pairs "), of("findings ignored "));
    let table = &lines[first.expect("a table")..=last.expect("its end")];
    let end = table[table.len() - 1].len();
    for row in table {
        let (left, rest) = row.split_at(end);
        let is_aligned = left.ends_with(|it: char| it.is_ascii_digit());
        assert!(is_aligned, "{row}");
        assert!(rest.is_empty() || rest.starts_with("  "), "{lines:#?}");
    }
    let mut verbose = xtask(&["stress", "--seed=7", "--cycles=20", "--verbose"]);
    let more = self::lines(verbose.args(pair()), 0);
    for row in ["loads ", "cannot race: ", "by NtLoadDriver", "attaches"] {
        assert!(more.iter().any(|line| line.starts_with(row)), "{more:#?}");
    }
}

#[test]
fn a_finding_is_in_the_verdict_of_a_run_and_of_its_replay() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.module("d.sys", Role::Client, &["NULL_DEREFERENCE"]);
    let [provider, client] = [provider, client].map(|image| image.display().to_string());
    let mut stress = xtask(&["stress", "--seed=5", "--cycles=3"]);
    let verdict = last(
        stress.args(["--provider", &provider, "--client", &client]),
        1,
    );
    let first = verdict.strip_prefix("FAIL  1 finding in 3 of 3 cycles; first: 0x7E d.sys ");
    let place = first.unwrap_or_else(|| panic!("{verdict}"));
    let line = format!("seed=5,cycle=0,provider={provider},client={client}");
    let verdict = last(&mut xtask(&["replay", &line]), 1);
    assert!(
        verdict.starts_with("FAIL  cycle 0 of seed 5: 0x7E (") && verdict.contains(place),
        "{verdict}"
    );
}

#[test]
fn a_replay_without_a_finding_has_a_verdict() {
    let [_, provider, _, client] = pair();
    let pair = format!("seed=7,cycle=3,provider={provider},client={client}");
    let verdict = last(&mut xtask(&["replay", &pair]), 0);
    assert_eq!(verdict, "PASS  cycle 3 of seed 7: nothing is found");

    let workshop = Workshop::new();
    let client = workshop.compile("i.sys", "imports.c", &["CALLS_FUNCTION"]);
    let images = format!("provider={provider},client={}", client.display());
    let verdict = last(
        &mut xtask(&["replay", &format!("seed=2,cycle=0,{images}")]),
        2,
    );
    assert!(
        verdict.starts_with("UNSUPPORTED  cycle 0 of seed 2: i.sys calls NoSuchFunction"),
        "{verdict}"
    );
}

#[test]
fn drivers_that_do_not_meet_are_not_tested() {
    let provider = driver("provider.sys").display().to_string();
    let mut command = xtask(&["stress", "--seed=1", "--cycles=4"]);
    let pair = ["--driver", &provider, "--driver", &provider];
    let verdict = last(command.args(pair), 1);
    assert!(
        verdict.starts_with("NOT TESTED  in 4 cycles no client attached to a provider"),
        "{verdict}"
    );
}

#[test]
fn a_signal_ends_a_run_with_the_report_of_what_was_done() {
    // A terminal and `timeout` send the signal to all processes, `kill` to the first.
    for target in ["", "-"] {
        let directory = tempfile::tempdir().expect("a directory");
        let json = directory.path().join("report.json");
        let mut child = xtask(&["stress", "--seed=7", "--cycles=1000000", "--json"])
            .arg(&json)
            .args(pair())
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("cargo runs this test");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut text = String::new();
        output.read_line(&mut text).expect("it begins");
        assert!(text.starts_with("stress: "), "{text}");
        thread::sleep(Duration::from_millis(300));
        let process = format!("{target}{}", child.id());
        let killed = Command::new("kill").args(["-INT", "--", &process]).status();
        assert!(killed.expect("kill runs").success());
        output.read_to_string(&mut text).expect("it ends");
        assert_eq!(child.wait().expect("it ends").code(), Some(130), "{text}");
        let verdict = text.lines().last().expect("a verdict");
        assert!(verdict.starts_with("INTERRUPTED  "), "{text}");
        assert!(verdict.contains(" of 1,000,000 cycles in "), "{text}");
        assert!(
            text.lines().any(|line| line.starts_with("attaches ")),
            "{text}"
        );
        let report = fs::read(&json).expect("a report");
        let report: Value = serde_json::from_slice(&report).expect("JSON");
        assert_eq!(report["verdict"], "interrupted");
        assert!(report["cycles_done"].as_u64() > Some(0), "{text}");
    }
}
