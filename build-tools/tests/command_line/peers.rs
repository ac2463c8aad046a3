// SPDX-License-Identifier: MIT OR Apache-2.0

//! `stress --peer`: drivers in C for NPIs of several shapes, each with its description, run
//! with a peer that is made from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A directory outside of any workspace, with a driver in it.
struct Bench(TempDir);

impl Bench {
    /// The driver that `source` makes with these macros.
    fn with(source: &str, macros: &[&str]) -> Self {
        let bench = Self(tempfile::tempdir().expect("a directory"));
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (library, folder) in [
            ("ntoskrnl", "src/building/peers/runtime"),
            ("netio", "wdk-build/src"),
        ] {
            run(Command::new("llvm-dlltool")
                .args(["-m", "i386:x86-64", "-d"])
                .arg(root.join(folder).join(library).with_extension("def"))
                .arg("-l")
                .arg(bench.path(&format!("{library}.lib"))));
        }
        run(Command::new("clang")
            .args(["--target=x86_64-pc-windows-msvc", "-O1", "-ffreestanding"])
            .args(["-g", "-gcodeview", "-funwind-tables", "-fno-inline"])
            .args(["-Wall", "-Werror", "-Wno-unused", "-Wno-multichar", "-c"])
            .args(macros.iter().map(|it| format!("-D{it}")))
            .arg("-I")
            .arg(root.join("wdk-headers"))
            .arg(sources().join(source).with_extension("c"))
            .arg("-o")
            .arg(bench.path("driver.obj")));
        run(Command::new("lld-link")
            .args(["/nologo", "/driver", "/nodefaultlib", "/subsystem:native"])
            .args(["/entry:DriverEntry", "/nxcompat", "/dynamicbase", "/debug"])
            .current_dir(bench.0.path())
            .args(["/out:driver.sys", "driver.obj", "ntoskrnl.lib", "netio.lib"]));
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The report of a run with this peer, how it ends, and what it prints.
    fn stress(&self, peer: &str, npi: Option<&str>, more: &[&str]) -> (Value, i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-nmr"));
        command
            .current_dir(self.0.path())
            .args(["nmr", "stress", "--driver", "driver.sys", "--peer", peer])
            .args(["--json", "report.json", "--jobs", "1"])
            .args(more);
        if let Some(npi) = npi {
            command
                .arg("--npi")
                .arg(sources().join(npi).with_extension("toml"));
        }
        let output = command.output().expect("the program starts");
        let text = text_of(&output);
        let report = fs::read(self.path("report.json")).unwrap_or_else(|_| panic!("{text}"));
        let report = serde_json::from_slice(&report).expect("a report");
        (report, output.status.code().expect("it ends"), text)
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command_line/peers")
}

fn text_of(output: &Output) -> String {
    let all = [&output.stdout, &output.stderr];
    all.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .concat()
}

fn run(command: &mut Command) {
    let output = command.output().expect("run `cargo xtask setup`");
    assert!(output.status.success(), "{}", text_of(&output));
}

fn count(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap_or_else(|| panic!("{name}"))
}

const SHORT: [&str; 4] = ["--cycles", "60", "--seed", "1"];

#[test]
fn drivers_of_every_shape_are_attached_called_and_detached() {
    for (source, macros) in [
        ("keyed", &[][..]),
        ("keyed", &["PROVIDER"]),
        ("wsk", &[]),
        ("ebpf", &[]),
        ("xdp", &[]),
    ] {
        let bench = Bench::with(source, macros);
        // A shutdown leaves bindings attached.
        let paired = [&SHORT[..], &["--only", "paired"]].concat();
        let (report, status, text) = bench.stress("auto", Some(source), &paired);
        assert_eq!(status, 0, "{source} {macros:?}: {text}");
        assert!(count(&report, "attaches") > 0, "{text}");
        assert_eq!(count(&report, "detaches"), 2 * count(&report, "attaches"));
        let npi = report["npis"].to_string();
        let calls = |name: &str| {
            let (_, rest) = npi.split_once(&format!("\"{name}\":"))?;
            rest.split([',', '}']).next()?.parse::<u64>().ok()
        };
        let of = if ["ebpf", "xdp"].contains(&source) {
            "calls_of_providers"
        } else {
            "calls_of_clients"
        };
        assert!(calls(of).is_some_and(|calls| calls > 0), "{source}: {npi}");
    }
}

#[test]
fn both_sides_have_detaches_that_pend() {
    for macros in [&[][..], &["PROVIDER"]] {
        let bench = Bench::with("keyed", macros);
        let (report, _, text) = bench.stress("auto", Some("keyed"), &SHORT);
        for side in ["detaches_pending_client", "detaches_pending_provider"] {
            assert!(count(&report, side) > 0, "{side}: {text}");
        }
    }
}

#[test]
fn a_missing_count_is_found_and_names_the_function() {
    let bench = Bench::with("keyed", &["UNCOUNTED"]);
    let (report, status, text) = bench.stress("auto", Some("keyed"), &SHORT);
    assert_eq!(status, 1, "{text}");
    let found = &report["findings"][0];
    assert_eq!(found["code"], "R19", "{text}");
    assert_eq!(found["driver"], "driver.sys", "{text}");
    assert!(text.contains("1 (get) pended"), "{text}");
}

#[test]
fn a_size_that_is_not_checked_is_found_by_a_hostile_peer() {
    let checked = Bench::with("keyed", &["PROVIDER"]);
    let (_, status, text) = checked.stress("hostile", Some("keyed"), &SHORT);
    assert_eq!(status, 0, "{text}");

    let bench = Bench::with("keyed", &["PROVIDER", "UNCHECKED"]);
    let (_, status, text) = bench.stress("auto", Some("keyed"), &SHORT);
    assert_eq!(status, 0, "{text}");
    let (report, status, text) = bench.stress("hostile", Some("keyed"), &SHORT);
    assert_eq!(status, 1, "{text}");
    let found = &report["findings"][0];
    assert_eq!(found["driver"], "driver.sys", "{text}");
    assert_eq!(found["place"]["function"], "Fits", "{text}");
}

/// Runs a driver that looks up what it is called with, and one that believes it, with a
/// hostile peer that is told so by `looked_up`: only the second one has findings, and only if
/// the peer is told.
fn assert_tries_what_is_looked_up(macros: &[&str], function: &str, parameter: &str) {
    let told = |bench: &Bench| {
        let plain = fs::read_to_string(sources().join("keyed.toml")).expect("a description");
        let (head, tail) = plain
            .split_once(function)
            .expect("the function is described");
        let looked_up = tail.replacen(parameter, &format!("{parameter}, looked_up = true"), 1);
        let file = bench.path("told.toml");
        fs::write(&file, format!("{head}{function}{looked_up}")).expect("written");
        file.to_str().expect("a path").to_owned()
    };
    let checked = Bench::with("keyed", macros);
    let (_, status, text) = checked.stress("hostile", Some(&told(&checked)), &SHORT);
    assert_eq!(status, 0, "{text}");

    let believing = Bench::with("keyed", &[macros, &["BELIEVING"]].concat());
    let (_, status, text) = believing.stress("hostile", Some("keyed"), &SHORT);
    assert_eq!(status, 0, "{text}");
    let (report, status, text) = believing.stress("hostile", Some(&told(&believing)), &SHORT);
    assert_eq!(status, 1, "{text}");
    assert_eq!(report["findings"][0]["driver"], "driver.sys", "{text}");
}

#[test]
fn a_hostile_peer_completes_again_what_is_looked_up() {
    assert_tries_what_is_looked_up(&[], "[functions.got]", "type = \"*Question\"");
}

#[test]
fn a_hostile_peer_hands_over_wrong_contexts_that_are_looked_up() {
    assert_tries_what_is_looked_up(&["PROVIDER"], "[functions.get]", "is = \"binding\"");
}

#[test]
fn a_driver_of_an_npi_that_is_not_described_gets_a_stub() {
    let bench = Bench::with("keyed", &["PROVIDER"]);
    let (report, status, text) = bench.stress("auto", None, &SHORT);
    let untested = "no call was made, because NPI {7b1c2f0e-7a64-4b7b-9b53-0c1d7f3a9e11} has no \
                    description: add it with --npi FILE";
    assert!(text.contains(untested), "{text}");
    let verdict = text.lines().rfind(|line| line.starts_with("PASS"));
    assert!(verdict.is_none_or(|it| it.contains(untested)), "{text}");
    assert_eq!(
        report["findings"].as_array().map(Vec::len),
        Some(0),
        "{text}"
    );
    assert!([0, 1].contains(&status), "{text}");
}

#[test]
fn a_replay_line_names_the_image_of_the_peer() {
    let bench = Bench::with("keyed", &["UNCOUNTED"]);
    let (_, _, text) = bench.stress("auto", Some("keyed"), &SHORT);
    let (_, line) = text.split_once("again: ").expect("a replay line");
    let line = line
        .lines()
        .next()
        .and_then(|line| line.split(' ').next_back());
    let line = line.expect("a line");
    assert!(
        line.contains(",driver=target/peers/keyed_provider"),
        "{line}"
    );
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-nmr"))
        .current_dir(bench.0.path())
        .args(["nmr", "replay", line])
        .output()
        .expect("the program starts");
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("R19"), "{text}");
}
