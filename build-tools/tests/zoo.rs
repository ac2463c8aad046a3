// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zoo` and `replay` where nothing is run: what they refuse, and whether the
//! zoo is as its table says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// The one line with which these arguments are refused.
fn refusal(arguments: &[&str]) -> String {
    let output = xtask(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    assert!(text.starts_with("error: "), "{arguments:?}: {text}");
    text
}

#[test]
fn a_module_that_is_none_and_a_run_of_nothing() {
    assert!(refusal(&["zoo", "unicorn"]).contains("the zoo has no unicorn"));
    assert!(refusal(&["zoo", "--schedules", "0"]).contains("--schedules 0"));
    assert!(refusal(&["zoo", "--json", "missing/zoo.json"]).contains("missing/zoo.json"));
    assert!(refusal(&["zoo", "--list", "--seed", "1"]).contains("--seed"));
}

#[test]
fn lines_that_cannot_be_replayed() {
    for (line, named) in [
        ("seed=1", "it names no cycle"),
        ("seed=one,cycle=2", "seed=one"),
        ("cycle=1,everything", "it names no seed"),
    ] {
        assert!(refusal(&["replay", line]).contains(named), "{line}");
    }
    assert!(refusal(&["replay"]).contains("<LINE>"));
}

#[test]
fn the_table_names_each_module_that_there_is() {
    let output = xtask(&["zoo", "--list"]);
    assert_eq!(output.status.code(), Some(0));
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    let name = |line: &str| {
        line.split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    // The index of what they are examples of comes below.
    let modules = || list.lines().take_while(|line| !line.is_empty()).map(name);
    let listed: BTreeSet<_> = modules().collect();
    assert_eq!(listed.len(), modules().count(), "a name is there twice");
    assert!(listed.len() >= 40, "{list}");

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/zoo/modules");
    let files = fs::read_dir(folder).expect("the modules");
    let sources: BTreeSet<_> = files
        .map(|file| file.expect("a file").path())
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(listed, sources);
}
