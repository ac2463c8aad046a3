// SPDX-License-Identifier: MIT OR Apache-2.0

//! The crate's files are where its first page says that they are.

mod circles;

use std::path::{Path, PathBuf};
use std::{fs, io};

use circles::Parts;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Calls `visit` with every folder below `folder` and the files in it.
fn folders(folder: &Path, visit: &mut impl FnMut(&Path, &[PathBuf])) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            folders(&path, visit)?;
        } else {
            files.push(path);
        }
    }
    visit(folder, &files);
    Ok(())
}

#[test]
fn folders_use_each_other_one_way() -> io::Result<()> {
    let roots = ["lib", "main", "cli", "kernel"];
    let parts = Parts::read(&source(), &roots, &["crate::", "state."])?;
    assert_eq!(parts.circle(), None, "these use each other in a circle");
    Ok(())
}

#[test]
fn no_folder_is_a_heap() -> io::Result<()> {
    const MOST: usize = 15;
    folders(&source(), &mut |folder, files| {
        let count = files.len();
        assert!(count <= MOST, "{} has {count} files", folder.display());
    })
}

#[test]
fn each_file_begins_with_what_it_is() -> io::Result<()> {
    folders(&source(), &mut |_, files| {
        for file in files {
            let text = fs::read_to_string(file).expect("the source is readable");
            let line = text.lines().nth(2).unwrap_or_default();
            assert!(line.starts_with("//! "), "{}: {line}", file.display());
        }
    })
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
