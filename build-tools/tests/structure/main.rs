// SPDX-License-Identifier: MIT OR Apache-2.0

//! The layout of the sources: modules that are side by side in a folder do not import
//! each other in a circle, no folder is crowded, and the first line of each file says
//! what it is.
//!
//! # Design
//!
//! A module and its folder (`zoo.rs` or `zoo/mod.rs`, and `zoo/`) are one node. An import
//! is every path that begins with `crate`, `self` or `super`; it connects the two nodes
//! at which the importing and the imported module part. A name that a module re-exports
//! from a child counts as an import of the child. A child may use its parent's items, and
//! a parent those of its children.
//!
//! # Limits
//!
//! Paths inside macro definitions of other crates, and glob re-exports, are not followed.

mod driver_crates;
mod imports;
mod modules;
mod tokens;

use std::fs;
use std::path::Path;

use imports::circles;
use modules::Tree;

/// The sources whose modules must not import each other in a circle.
const WITHOUT_CIRCLES: &[&str] = &["build-tools/src", "tests/wine/src", "tests/vm/src"];

/// The sources whose folders must not be crowded.
const FOLDERS: &[&str] = &[
    "build-tools/src",
    "tests/sim/src",
    "tests/wine/src",
    "tests/vm/src",
];

/// The largest number of files side by side in a folder.
const MOST_FILES: usize = 16;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    for directory in WITHOUT_CIRCLES {
        let found = circles(&Tree::read(&root().join(directory)));
        assert!(found.is_empty(), "{directory}:\n{}", found.join("\n"));
    }
}

#[test]
fn no_folder_is_crowded_and_each_file_says_what_it_is() {
    for directory in FOLDERS {
        check_folder(&root().join(directory));
    }
}

fn check_folder(folder: &Path) {
    let shown = folder.display();
    let entries = fs::read_dir(folder).expect("a folder");
    let paths: Vec<_> = entries.map(|it| it.expect("an entry").path()).collect();
    let files = paths.iter().filter(|it| it.is_file()).count();
    assert!(files <= MOST_FILES, "{shown} has {files} files");
    for path in &paths {
        let shown = path.display();
        if path.is_dir() {
            check_folder(path);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(path).expect("text");
            let mut lines = text.lines();
            let licence = lines.next().unwrap_or_default();
            assert!(
                licence.starts_with("// SPDX-License-Identifier:"),
                "{shown}"
            );
            let first = lines.find(|line| !line.is_empty()).unwrap_or_default();
            assert!(first.starts_with("//! "), "{shown} begins with: {first}");
        }
    }
}

mod of_the_checker {
    use std::fs;

    use super::*;

    /// The circles of a crate of these files.
    fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        }
        circles(&Tree::read(directory.path()))
    }

    #[test]
    fn a_circle_is_named_with_its_files() {
        let found = circles_of(&[
            ("main.rs", "mod a;\nmod b;\nmod c;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "fn b() { crate::c::c() }"),
            ("c.rs", "use std::fmt;\nuse crate::{b, a::{self, A}};"),
        ]);
        let text = found.join("\n");
        assert!(!found.is_empty());
        for named in ["a.rs", "b.rs", "c.rs"] {
            assert!(text.contains(named), "{text}");
        }
    }

    #[test]
    fn a_chain_is_no_circle_nor_are_parents_and_children() {
        let found = circles_of(&[
            ("main.rs", "mod a;\nmod b;\nuse a::A;"),
            ("a.rs", "mod part;\nuse crate::b::B;\nuse part::Part;"),
            ("a/part.rs", "use super::A;\nuse crate::b;"),
            ("b.rs", "//! See `crate::a`.\nconst A: &str = \"crate::a\";"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn folders_and_their_children_are_checked_too() {
        let found = circles_of(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod x;\nmod y;"),
            ("a/x.rs", "use super::y::Y;"),
            ("a/y/mod.rs", "mod deep;"),
            ("a/y/deep.rs", "fn f() { super::super::x::f() }"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_reexport_counts_as_its_child() {
        let found = circles_of(&[
            ("lib.rs", "mod a;\nmod b;\npub use b::B;"),
            ("a.rs", "use crate::B;"),
            ("b.rs", "use crate::a;"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn super_in_an_inline_module_is_the_file() {
        let found = circles_of(&[
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "use crate::b;\nmod tests { use super::*; }"),
            ("b.rs", "mod inner { fn f() { super::super::b::g() } }"),
        ]);
        assert_eq!(found, [""; 0]);
    }
}
