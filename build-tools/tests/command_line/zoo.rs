// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zoo` where nothing is run: what it refuses, and that the table names all modules.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::xtask::{output, refusal};

#[test]
fn unknown_modules_and_runs_of_nothing_are_refused() {
    assert!(refusal(&["zoo", "unicorn"]).contains("the zoo has no `unicorn`"));
    assert!(refusal(&["zoo", "leka"]).contains("is it leak?"));
    assert!(refusal(&["zoo", "--schedules", "0"]).contains("--schedules 0"));
    assert!(refusal(&["zoo", "--json", "missing/zoo.json"]).contains("missing/zoo.json"));
    assert!(refusal(&["zoo", "--list", "--seed", "1"]).contains("--seed"));
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
