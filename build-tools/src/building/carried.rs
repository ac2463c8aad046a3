// SPDX-License-Identifier: MIT OR Apache-2.0

//! The source trees that the program carries: our `wdk-build`, with which drivers in other
//! workspaces are built, and the libraries for their authors.
//!
//! `build.rs` collects them. Their manifests depend on no workspace; packages of ours that
//! they use are in the directory beside.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::artifact;

/// The files: path, which begins with the name of the tree, and content.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/carried.rs"));

/// What our `wdk-build` needs.
const WDK_BUILD: [&str; 2] = ["wdk-build", "prerequisites"];

/// Writes our `wdk-build` below `directory`, and returns its directory. What is there
/// already and is the same stays untouched, so that cargo does not build it again.
pub(super) fn wdk_build(directory: &Path) -> Result<PathBuf> {
    let root = directory.join("carried");
    write(&root, &WDK_BUILD)?;
    // The search for a workspace ends here.
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = {WDK_BUILD:?}\n");
    update(&root.join("Cargo.toml"), &workspace)?;
    Ok(root.join(WDK_BUILD[0]))
}

/// Writes these libraries for authors of drivers below `directory`.
pub(crate) fn libraries(directory: &Path, trees: &[&str]) -> Result<()> {
    write(directory, trees)
}

/// Writes these trees below `directory`, and removes what else is in them.
fn write(directory: &Path, trees: &[&str]) -> Result<()> {
    let mut written = BTreeSet::new();
    for tree in trees {
        for (path, content) in files(tree) {
            let file = directory.join(path);
            update(&file, content)?;
            written.insert(file);
        }
    }
    trees
        .iter()
        .try_for_each(|tree| remove_others(&directory.join(tree), &written))
        .with_context(|| format!("{} cannot be written: free the path", directory.display()))
}

/// The files of a tree.
fn files(tree: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_in_tree = move |path: &str| path.split('/').next() == Some(tree);
    FILES
        .iter()
        .copied()
        .filter(move |(path, _)| is_in_tree(path))
}

/// Writes a file unless it has this content.
pub(crate) fn update(path: &Path, content: &str) -> Result<()> {
    if fs::read(path).is_ok_and(|found| found == content.as_bytes()) {
        return Ok(());
    }
    let directory = artifact::directory_of(path);
    fs::create_dir_all(directory)
        .with_context(|| format!("{} cannot be made: free the path", directory.display()))?;
    artifact::write(path, content.as_bytes())
}

/// Removes the files below `directory` that are not among `known`.
fn remove_others(directory: &Path, known: &BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, known)?;
        } else if !known.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;

    #[test]
    fn manifests_depend_on_no_workspace() {
        for tree in ["wdk-build", "prerequisites", "nmr", "wdm", "kmdf"] {
            let manifest = format!("{tree}/Cargo.toml");
            let (_, text) = files(tree).find(|(path, _)| *path == manifest).expect(tree);
            let table: Table = text.parse().expect("a manifest");
            assert!(!text.contains("workspace = true"), "{text}");
            assert!(table["package"]["version"].is_str(), "{text}");
            assert!(files(tree).any(|(path, _)| path.ends_with("/src/lib.rs")));
        }
    }

    #[test]
    fn what_is_the_same_stays_and_what_is_foreign_goes() {
        let directory = tempfile::tempdir().expect("a directory");
        let tree = wdk_build(directory.path()).expect("written");
        let library = tree.join("src/lib.rs");
        let before = fs::metadata(&library)
            .and_then(|it| it.modified())
            .expect("its time");
        fs::write(tree.join("src/old.rs"), "").expect("written");
        fs::write(tree.join("src/error.rs"), "").expect("written");
        assert_eq!(wdk_build(directory.path()).expect("written"), tree);
        let after = fs::metadata(&library)
            .and_then(|it| it.modified())
            .expect("its time");
        assert_eq!(before, after);
        assert!(!tree.join("src/old.rs").exists());
        let error = fs::read_to_string(tree.join("src/error.rs")).expect("read");
        assert!(error.contains("ConfigError"));
    }
}
