// SPDX-License-Identifier: MIT OR Apache-2.0

//! `new`: what it writes, and what it refuses to write. A trial of `cargo xtask test workshop`
//! builds and runs it.

use std::fs;
use std::path::Path;
use std::process::Command;

use npi_description::Npi;

use super::{nmr, refusal};

/// Writes a workspace into `directory`.
fn new(directory: &Path, arguments: &[&str]) {
    let output = nmr(directory, &[&["new"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

fn description(directory: &Path, name: &str) -> Npi {
    let file = directory.join(name).join("npi/npi.toml");
    let read = npi_description::read(&[file]).expect("a description");
    read.into_iter().next().expect("one")
}

#[test]
fn names_that_cannot_be_used_are_refused_in_one_line_and_nothing_is_written() {
    let here = tempfile::tempdir().expect("a directory");
    for name in [
        "",
        "Kv",
        "2kv",
        "_kv",
        "kv-",
        "kv_-x",
        "k v",
        "k.v",
        "k/v",
        "../kv",
        "/kv",
        "schlüssel",
        "ключ",
        "kv\n",
        "fn",
        "int",
        "self",
        "r#fn",
        "con",
        "lpt9",
        "nmr",
        "wdk-sys",
        "proc-macro",
        "std",
        "binding",
        "store",
        "a-name-that-is-longer-than-any-service",
    ] {
        for language in [&[][..], &["--c"]] {
            let arguments = [&["new"], language, &["--", name]].concat();
            refusal(here.path(), &arguments);
        }
    }
    let into = refusal(here.path(), &["new", "kv", "--into", "missing"]);
    assert!(into.contains("make it"), "{into}");
    assert_eq!(fs::read_dir(here.path()).expect("read").count(), 0);
}

#[test]
fn sources_are_formatted_whatever_the_length_of_the_name() {
    let here = tempfile::tempdir().expect("a directory");
    for name in ["z", "a-name-of-thirty-two-characters1"] {
        new(here.path(), &[name]);
        let sources = ["npi/src/lib.rs", "provider/src/lib.rs", "client/src/lib.rs"];
        let output = Command::new("rustfmt")
            .args(["--edition", "2024", "--check"])
            .args(sources)
            .current_dir(here.path().join(name))
            .output()
            .expect("rustfmt starts");
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn drivers_of_both_languages_can_have_one_npi() {
    let here = tempfile::tempdir().expect("a directory");
    new(here.path(), &["kv"]);
    new(here.path(), &["kvc", "--c", "--npi", "kv/npi/npi.toml"]);
    new(here.path(), &["other"]);
    let npi = description(here.path(), "kv");
    let in_c = description(here.path(), "kvc");
    assert_eq!(npi.id, in_c.id);
    assert_ne!(npi.id, description(here.path(), "other").id);
    assert_ne!(npi.provider.module_id, in_c.provider.module_id);
    assert_ne!(npi.client.module_id, in_c.client.module_id);
    let header = here.path().join("kvc/npi/include/kvc_npi.h");
    let header = fs::read_to_string(header).expect("a header");
    let start = format!("0x{:08x}", npi.id.0 >> 96);
    assert!(header.contains(&start), "{start}: {header}");
}

#[test]
fn an_npi_that_new_drivers_would_not_speak_is_refused() {
    let here = tempfile::tempdir().expect("a directory");
    new(here.path(), &["kv"]);
    let file = here.path().join("kv/npi/npi.toml");
    let text = fs::read_to_string(&file).expect("read");
    for (from, to, reason) in [
        (
            "\"answered\", type = \"u64\"",
            "\"answered\", type = \"u32\"",
            "other structures",
        ),
        ("name = \"kv\"", "name = 3", "expected a string"),
    ] {
        assert!(text.contains(from), "{text}");
        fs::write(&file, text.replacen(from, to, 1)).expect("written");
        let why = refusal(here.path(), &["new", "kvc", "--npi", "kv/npi/npi.toml"]);
        assert!(why.contains(reason), "{why}");
    }
    let missing = refusal(here.path(), &["new", "kvc", "--npi", "npi.toml"]);
    assert!(missing.contains("cannot be read"), "{missing}");
    let there = refusal(here.path(), &["new", "kv"]);
    assert!(there.contains("nothing is overwritten"), "{there}");
    assert!(!here.path().join("kvc").exists());
}
