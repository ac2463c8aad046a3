// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a user sees of a build, and how Ctrl-C ends one. A script stands for cargo.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::xtask;

/// `build` by a cargo that does `script`.
struct Build {
    directory: TempDir,
}

impl Build {
    fn by(script: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("cargo");
        let cargo = env!("CARGO");
        let text = format!("#!/bin/sh\n[ $1 = build ] || exec {cargo} \"$@\"\n{script}\n");
        fs::write(&file, text).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("set");
        Self { directory }
    }

    fn command(&self) -> Command {
        let mut command = xtask::command();
        command
            .arg("build")
            .env("CARGO", self.directory.path().join("cargo"));
        command
    }

    fn output(&self) -> (Option<i32>, String, String) {
        texts(self.command().output().expect("the program starts"))
    }
}

fn texts(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn only_what_the_compiler_says_is_shown() {
    let build = Build::by(
        "echo '   Compiling sim v0.1.0 (/x)' >&2; echo 'warning: unused' >&2; \
         echo '    Finished `sim` profile' >&2; exit 101",
    );
    let (status, output, errors) = build.output();
    assert_eq!(status, Some(1), "{errors}");
    assert!(output.starts_with("FAIL  "), "{output}");
    let lines = errors
        .lines()
        .filter(|line| !line.contains("the first time"));
    assert!(
        lines.eq([
            "warning: unused",
            "error: provider, client, provider-wdf, client-wdf cannot be built: correct what cargo \
             says above"
        ]),
        "{errors}"
    );
}

#[test]
fn a_long_build_shows_that_it_goes_on_without_colours() {
    // The interval between two signs of life is below three seconds.
    let build = Build::by("sleep 2.8; exit 101");
    let (_, _, errors) = build.output();
    let alive = "still building the drivers: 2 s";
    assert!(errors.lines().any(|line| line == alive), "{errors}");
    assert!(!errors.contains('\u{1b}'), "{errors}");
}

/// How `arguments` end if a signal reaches the program while it builds the drivers. `None`
/// if nothing can be built here.
fn interrupted(build: &Build, arguments: &[&str]) -> Option<(Option<i32>, String, String)> {
    if !xtask::xtask(&["doctor"]).status.success() {
        eprintln!("skipped: nothing can be built here");
        return None;
    }
    let child = xtask::command()
        .args(arguments)
        .env("CARGO", build.directory.path().join("cargo"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let begun = build.directory.path().join("begun");
    let cargo = loop {
        match fs::read_to_string(&begun) {
            Ok(id) if id.ends_with('\n') => break id.trim().to_owned(),
            _ => thread::sleep(Duration::from_millis(20)),
        }
    };
    let signal = |arguments: &[&str]| {
        let killed = Command::new("kill").args(arguments).output();
        killed.is_ok_and(|it| it.status.success())
    };
    assert!(signal(&["-TERM", &child.id().to_string()]));
    let ended = texts(child.wait_with_output().expect("it ends"));
    assert!(!signal(&["-0", &cargo]), "cargo goes on");
    Some(ended)
}

/// A build that does not end by itself, and says that it has begun.
const ENDLESS: &str = "echo $$ > \"$(dirname \"$0\")/begun\"; exec sleep 60";

/// The report of a run that has not begun is one, too.
#[test]
fn a_signal_before_the_first_cycle_loses_no_file() {
    let build = Build::by(ENDLESS);
    let file = |name: &str| build.directory.path().join(name);
    let formats = ["json", "html", "junit", "sarif"];
    let options = formats.map(|it| format!("--{it}={}", file(it).display()));
    let options = options.iter().map(String::as_str);
    let arguments: Vec<_> = ["stress", "--seed=7"].into_iter().chain(options).collect();
    let Some((status, output, errors)) = interrupted(&build, &arguments) else {
        return;
    };
    assert_eq!(status, Some(130), "{errors}");
    let last = output.lines().last();
    assert_eq!(last, Some("INTERRUPTED  while building the drivers"));
    assert!(!errors.contains("correct what cargo says"), "{errors}");
    let text = |name: &str| fs::read_to_string(file(name)).expect(name);
    let report: serde_json::Value = serde_json::from_str(&text("json")).expect("JSON");
    assert_eq!(report["verdict"], "interrupted");
    assert_eq!(report["cycles_done"], 0);
    assert!(text("html").contains("INTERRUPTED  while building the drivers"));
    assert!(text("junit").contains("INTERRUPTED"));
    assert!(text("sarif").contains("2.1.0"));
}

#[test]
fn a_signal_before_the_first_module_loses_no_file() {
    let build = Build::by(ENDLESS);
    let file = build.directory.path().join("zoo.xml");
    let arguments = ["zoo", "leak", "double_free", "--junit"];
    let arguments = [&arguments[..], &[file.to_str().expect("a path")]].concat();
    let Some((status, output, errors)) = interrupted(&build, &arguments) else {
        return;
    };
    assert_eq!(status, Some(130), "{errors}");
    let last = output.lines().last().expect("a verdict");
    assert!(last.starts_with("INTERRUPTED  0 of 2 modules"), "{last}");
    let text = fs::read(&file).expect("the result");
    let suites = junit_parser::from_reader(&*text).expect("JUnit");
    let cases = suites.suites.iter().flat_map(|suite| &suite.cases);
    let skipped =
        |case: &junit_parser::TestCase| matches!(case.status, junit_parser::TestStatus::Skipped(_));
    assert_eq!(cases.filter(|case| skipped(case)).count(), 2);
}

#[test]
fn a_signal_ends_a_build_and_names_it() {
    // The signal reaches only the program, then, as from a terminal, cargo as well.
    for cargo in [
        "touch \"$(dirname \"$0\")/begun\"; exec sleep 60",
        "kill -INT $PPID; exit 101",
    ] {
        let build = Build::by(cargo);
        let mut child = build
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let pid = child.id().to_string();
        if cargo.contains("sleep") {
            while !build.directory.path().join("begun").exists() {
                thread::sleep(Duration::from_millis(20));
            }
            let killed = Command::new("kill").args(["-INT", &pid]).status();
            assert!(killed.is_ok_and(|status| status.success()));
        }
        // The script may hold the pipes open.
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(130), "{cargo}");
        let mut output = String::new();
        let mut reader = std::io::BufReader::new(child.stdout.take().expect("it is piped"));
        std::io::BufRead::read_line(&mut reader, &mut output).expect("read");
        assert_eq!(output, "INTERRUPTED  while building the drivers\n");
    }
}
