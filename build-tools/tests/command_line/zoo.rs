// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zoo` and `replay` where nothing is run: what they refuse, and that the table names
//! all modules.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::xtask::{output, refusal};

#[test]
fn unknown_modules_and_runs_of_nothing_are_refused() {
    assert!(refusal(&["zoo", "unicorn"]).contains("the zoo has no unicorn"));
    assert!(refusal(&["zoo", "--schedules", "0"]).contains("--schedules 0"));
    assert!(refusal(&["zoo", "--json", "missing/zoo.json"]).contains("missing/zoo.json"));
    assert!(refusal(&["zoo", "--list", "--seed", "1"]).contains("--seed"));
}

#[test]
fn invalid_replay_lines_are_refused() {
    for (line, named) in [
        ("seed=1", "the line has no cycle"),
        ("seed=one,cycle=2", "seed=one"),
        ("cycle=1,everything", "the line has no seed"),
    ] {
        assert!(refusal(&["replay", line]).contains(named), "{line}");
    }
    assert!(refusal(&["replay"]).contains("<LINE>"));
}

#[test]
fn files_of_a_replay_that_cannot_be_written_are_refused_first() {
    let line = "seed=1,cycle=2";
    for option in ["--trace-json", "--diagram"] {
        let missing = refusal(&["replay", line, option, "missing/file"]);
        assert!(
            missing.contains(&format!("{option} missing/file")),
            "{missing}"
        );
        let directory = refusal(&["replay", line, option, "."]);
        assert!(
            directory.contains("is a directory: name a file"),
            "{directory}"
        );
        let both = refusal(&["replay", line, "--minimise", option, "file"]);
        assert!(both.contains("cannot be used with"), "{both}");
    }
}

#[test]
fn the_table_names_each_module() {
    let list = output(&["zoo", "--list"]);
    let name = |line: &str| {
        line.split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    // The index of known defects follows.
    let modules = || list.lines().take_while(|line| !line.is_empty()).map(name);
    let listed: BTreeSet<_> = modules().collect();
    assert_eq!(listed.len(), modules().count(), "a name is listed twice");
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
