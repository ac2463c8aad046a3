// SPDX-License-Identifier: MIT OR Apache-2.0

//! The two drivers mirror each other: the same files, and no copies in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn sources(driver: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(driver)
        .join("src")
}

fn files(driver: &str) -> BTreeSet<String> {
    let directory = sources(driver);
    let entries =
        fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries
        .map(|entry| entry.expect("it can be read").file_name())
        .map(|name| name.into_string().expect("a name in UTF-8"))
        .collect()
}

#[test]
fn the_drivers_have_the_same_files() {
    assert!(files("provider").contains("lib.rs"));
    assert_eq!(files("provider"), files("client"));
    assert_eq!(files("provider/wdf"), files("client/wdf"));
}

#[test]
fn a_file_of_one_driver_is_no_copy_of_the_others() {
    let read = |driver: &str, file: &str| {
        fs::read_to_string(sources(driver).join(file)).expect("it can be read")
    };
    for file in files("provider") {
        let (provider, client) = (read("provider", &file), read("client", &file));
        let lines: BTreeSet<_> = client.lines().collect();
        // Imports and the frame of an `impl` are the same in both.
        let same = provider
            .lines()
            .filter(|line| line.len() > 30 && !line.starts_with("use ") && !line.contains("//"))
            .filter(|line| lines.contains(line))
            .count();
        let all = provider.lines().count();
        assert!(same * 3 < all, "{file}: {same} of {all} lines are the same");
    }
}
