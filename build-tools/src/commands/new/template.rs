// SPDX-License-Identifier: MIT OR Apache-2.0

//! A new workspace for an NPI: its crate, a provider, a client, a test, and what stands
//! around them.
//!
//! The sources are those of `tests/keyvalue` with another name and fresh GUIDs, so that they
//! are built and tested here with every change.

mod name;
mod text;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use toml::Table;

use crate::building::carried;
use crate::workspace::artifact;
pub(super) use name::Name;
use text::Replacement;

/// The files of the workspace, each with what it is made from.
const FILES: [(&str, &str); 15] = [
    ("Cargo.toml", include_str!("template/files/workspace.toml")),
    ("README.md", include_str!("template/files/README.in")),
    (".gitignore", include_str!("template/files/gitignore")),
    (
        ".cargo/config.toml",
        include_str!("template/files/config.toml"),
    ),
    (
        ".github/workflows/drivers.yml",
        include_str!("template/files/ci.yml"),
    ),
    (
        "npi/Cargo.toml",
        include_str!("template/files/npi-manifest.toml"),
    ),
    (
        "npi/npi.toml",
        include_str!("../../../../tests/keyvalue/npi/npi.toml"),
    ),
    (
        "npi/src/lib.rs",
        include_str!("../../../../tests/keyvalue/npi/src/lib.rs"),
    ),
    (
        "npi/tests/stress.rs",
        include_str!("template/files/stress.rs"),
    ),
    (
        "provider/Cargo.toml",
        include_str!("../../../../tests/keyvalue/provider/Cargo.toml"),
    ),
    (
        "provider/build.rs",
        include_str!("../../../../tests/keyvalue/provider/build.rs"),
    ),
    (
        "provider/src/lib.rs",
        include_str!("../../../../tests/keyvalue/provider/src/lib.rs"),
    ),
    (
        "client/Cargo.toml",
        include_str!("../../../../tests/keyvalue/client/Cargo.toml"),
    ),
    (
        "client/build.rs",
        include_str!("../../../../tests/keyvalue/client/build.rs"),
    ),
    (
        "client/src/lib.rs",
        include_str!("../../../../tests/keyvalue/client/src/lib.rs"),
    ),
];

/// Our manifest, which says which versions of Microsoft's crates fit.
const OURS: &str = include_str!("../../../../Cargo.toml");

/// The sources in which the name is written.
pub(super) fn sources() -> Vec<&'static str> {
    let is_source =
        |(path, _): &&(&str, &str)| Path::new(path).extension().is_some_and(|it| it == "rs");
    FILES
        .iter()
        .filter(is_source)
        .map(|(_, text)| *text)
        .collect()
}

/// Writes a workspace to `directory`, which must not be there or be empty. Returns the files.
pub(super) fn write(directory: &Path, name: Name) -> Result<Vec<PathBuf>> {
    let shown = directory.display();
    let is_free = !directory.exists()
        || directory
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_none());
    ensure!(
        is_free,
        "{shown} is there already, and nothing is overwritten: use another name, or --into"
    );
    let replacement = Replacement::new(name);
    let ours: Table = OURS.parse().context("our own manifest is wrong")?;
    let mut written = Vec::new();
    for (path, text) in FILES {
        let is_manifest = path.ends_with("Cargo.toml");
        let mut text = replacement.apply(text, is_manifest);
        if path == "Cargo.toml" {
            text = with_versions(text, &ours);
        }
        carried::update(&directory.join(path), &text)?;
        written.push(PathBuf::from(path));
    }
    carried::libraries(&directory.join("vendor"))?;
    Ok(written)
}

/// The manifest with the versions that ours has: `@wdk@` is that of `wdk`.
fn with_versions(mut text: String, ours: &Table) -> String {
    let workspace = &ours["workspace"];
    let rust = workspace["package"]["rust-version"].as_str();
    text = text.replace("@RUST@", rust.unwrap_or_default());
    let dependencies = workspace["dependencies"].as_table();
    for (name, version) in dependencies.into_iter().flatten() {
        text = text.replace(&format!("\"@{name}@\""), &version.to_string());
    }
    text
}

/// Checks that the files of the workspace can be written into `directory`.
pub(super) fn check(directory: &Path) -> Result<()> {
    let parent = artifact::directory_of(directory);
    ensure!(
        parent.is_dir(),
        "{} is no directory: make it, or use another --into",
        parent.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_has_its_name_everywhere_and_its_own_guids() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().join("w");
        let name = Name::parse("my-npi", &sources()).expect("a name");
        let files = write(&place, name.clone()).expect("written");
        for file in &files {
            let text = std::fs::read_to_string(place.join(file)).expect("read");
            for old in ["keyvalue", "KeyValue", "SPDX", "license", "5b1c2f0e", "@"] {
                let is_action = old == "@" && file.ends_with("drivers.yml");
                assert!(
                    is_action || !text.contains(old),
                    "{}: {old}",
                    file.display()
                );
            }
        }
        for library in ["nmr", "wdm", "nmr-test"] {
            assert!(
                place
                    .join("vendor")
                    .join(library)
                    .join("Cargo.toml")
                    .is_file()
            );
        }
        let description = npi_description::read(&[place.join("npi/npi.toml")]).expect("read");
        assert_eq!(description[0].name, "my_npi");
        let again = write(&place, name).expect_err("it is there").to_string();
        assert!(again.contains("nothing is overwritten"), "{again}");
    }
}
