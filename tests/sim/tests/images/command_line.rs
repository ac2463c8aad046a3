// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a user sees of it: `cargo xtask stress`.

use std::process::Command;

use crate::fixture::Workshop;
use crate::pair::driver;

/// The words of each line that `cargo xtask stress --faults systematic` prints.
fn systematic(arguments: &[&str]) -> Vec<Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["xtask", "stress", "--seed", "2", "--faults", "systematic"])
        .arg("--provider")
        .arg(driver("provider.sys"))
        .arg("--client")
        .arg(driver("client.sys"))
        .args(arguments)
        .output()
        .expect("cargo runs this test");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}{errors}");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    text.lines().map(words).collect()
}

/// The row of the table that begins with `kind`.
fn row<'a>(lines: &'a [Vec<String>], kind: &str) -> &'a [String] {
    let mut rows = lines.iter().filter(|line| line.len() > 10);
    let row = rows.find(|line| line[0] == kind);
    &row.unwrap_or_else(|| panic!("no row of {kind}: {lines:#?}"))[1..]
}

/// The number of faults that were met, and of all that there are.
fn faults(lines: &[Vec<String>]) -> (u64, u64) {
    let number = |word: &str| {
        let digits = word.replace(',', "");
        digits.parse().expect("a number")
    };
    let line = lines
        .iter()
        .find(|line| line.len() > 3 && line[0] == "faults" && line[2] == "of")
        .unwrap_or_else(|| panic!("no coverage: {lines:#?}"));
    (number(&line[1]), number(line[3].trim_end_matches(',')))
}

/// What `cargo xtask stress` prints with these arguments and our own drivers, named as
/// if they were others.
fn stress_of_others(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["xtask", "stress", "--seed", "2", "--cycles", "8"])
        .arg("--provider")
        .arg(driver("provider.sys"))
        .arg("--client")
        .arg(driver("client.sys"))
        .args(arguments)
        .output()
        .expect("cargo runs this test");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn other_drivers_are_judged_by_windows_unless_asked_otherwise() {
    for (argument, kernel, row) in [
        (None, "windows", "  1  windows 8\n"),
        (
            Some("--kernel=documents"),
            "documents",
            "  1  documents 8\n",
        ),
        (Some("--kernel=both"), "both", "  2  documents "),
    ] {
        let text = stress_of_others(argument.as_slice());
        assert!(text.contains(&format!(" --kernel={kernel} ")), "{text}");
        assert!(text.contains(row), "{text}");
    }
}

#[test]
fn the_table_of_faults_is_complete() {
    let lines = systematic(&[]);
    let (met, all) = faults(&lines);
    assert_eq!(met, all);
    assert!(all > 100, "{all}");
    for kind in ["allocation", "thread", "registration", "attach"] {
        let row = row(&lines, kind);
        assert_eq!(row.len(), 15, "{kind}: {row:?}");
        let met = |cell: &String| cell.parse::<u64>().is_ok_and(|count| count > 0);
        assert!(row.iter().all(met), "{kind}: {row:?}");
    }
}

#[test]
fn several_instances_have_a_column_for_each_course() {
    let lines = systematic(&["--instances", "2x2", "--cycles", "60"]);
    let heads: Vec<_> = (1..=15).map(|number| number.to_string()).collect();
    assert!(lines.contains(&heads), "{lines:#?}");
    let (met, all) = faults(&lines);
    // The first cycle has none.
    assert_eq!(met, 59);
    // The first course has more faults than that.
    for kind in ["allocation", "thread"] {
        let row = row(&lines, kind);
        assert_eq!(row.len(), 15, "{kind}: {row:?}");
        assert!(
            row[0].parse::<u64>().is_ok_and(|count| count > 0),
            "{kind}: {row:?}"
        );
        assert!(row[1..].iter().all(|cell| cell == "."), "{kind}: {row:?}");
    }
    assert!(all > 60 * 15, "{all}");
}

#[test]
fn what_the_kernel_does_not_provide_is_listed_and_no_success() {
    let workshop = Workshop::new();
    let client = workshop.compile("i.sys", "imports.c", &["CALLS_FUNCTION"]);
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["xtask", "stress", "--seed=2", "--cycles=6", "--jobs=2"])
        // The call is in its `DriverUnload`.
        .arg("--only=paired")
        .arg("--provider")
        .arg(driver("provider.sys"))
        .arg("--client")
        .arg(client)
        .output()
        .expect("cargo runs this test");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{text}");
    let listed = "i.sys: 4 imports that the simulated kernel does not provide";
    let lines = |says: &str| text.lines().filter(|line| line.starts_with(says)).count();
    assert_eq!(lines(listed), 1, "{text}");
    assert_eq!(
        lines("UNSUPPORTED: i.sys calls NoSuchFunction"),
        1,
        "{text}"
    );
    for part in [
        "\nUNSUPPORTED  0 findings, but 6 of 6 cycles ended early; first: i.sys calls NoSuchFunction",
        "    in ntoskrnl.exe!NoSuchFunction\n",
        "    again: cargo xtask replay seed=2,cycle=",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
