// SPDX-License-Identifier: MIT OR Apache-2.0

//! The crate's folders use each other one way, as its first page shows.

mod circles;

use std::path::{Path, PathBuf};
use std::{fs, io};

use circles::Parts;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn folders_use_each_other_one_way() -> io::Result<()> {
    let roots = ["lib", "main", "cli", "kernel"];
    let parts = Parts::read(&source(), &roots, &["crate::", "state."])?;
    assert_eq!(parts.circle(), None, "these use each other in a circle");
    Ok(())
}

/// A crate of these files.
fn sample(files: &[(&str, &str)]) -> io::Result<Parts> {
    let folder = tempfile::tempdir()?;
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("it lies in the folder"))?;
        fs::write(file, text)?;
    }
    Parts::read(folder.path(), &["lib"], &["crate::", "state."])
}

#[test]
fn a_circle_is_found_whatever_the_form_of_its_paths() -> io::Result<()> {
    let ways = [
        "use crate::low::file;",
        "use crate::{other, low::{self, file}};",
        "use crate::{low, other};",
        "fn f() { crate::low::file::g() }",
        "fn f(state: &mut State) { state\n    .low\n    .g() }",
    ];
    for way in ways {
        let low = ("low/file.rs", "use crate::high;");
        let parts = sample(&[low, ("high.rs", way), ("other.rs", "")])?;
        assert_eq!(parts.circle(), Some(vec!["high", "low"]), "{way}");
    }
    Ok(())
}

#[test]
fn what_is_no_use_makes_no_circle() -> io::Result<()> {
    let low = "use crate::low::own;\n// crate::high\n//! [`crate::high`]\nfn f() { my_state.high }";
    let parts = sample(&[
        ("low/file.rs", low),
        ("high/mod.rs", "use crate::low;"),
        ("lib.rs", "use crate::{low, high};"),
    ])?;
    assert_eq!(parts.circle(), None);
    Ok(())
}
