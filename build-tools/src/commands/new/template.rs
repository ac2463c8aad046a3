// SPDX-License-Identifier: MIT OR Apache-2.0

//! A new workspace for an NPI: its crate, a provider, a client, a test, and the files around
//! them.
//!
//! The sources are those of `tests/keyvalue` with another name and new GUIDs, so that every
//! change of them is built and tested here.

mod existing;
mod name;
mod text;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use toml::Table;

use crate::building::carried;
use crate::workspace::{artifact, output};
pub(super) use existing::npi_of;
pub(super) use name::Name;
pub(super) use text::Replacement;

/// The description of the example, from which that of a new NPI is made.
const DESCRIPTION: &str = include_str!("../../../../tests/keyvalue/npi/npi.toml");

/// A file of the workspace and what it is made from.
type File = (&'static str, &'static str);

/// The files of either language.
const COMMON: [File; 5] = [
    (".gitignore", include_str!("template/files/gitignore")),
    (
        ".cargo/config.toml",
        include_str!("template/files/config.toml"),
    ),
    (
        ".github/workflows/drivers.yml",
        include_str!("template/files/ci.yml"),
    ),
    ("npi/npi.toml", DESCRIPTION),
    (
        "npi/tests/stress.rs",
        include_str!("template/files/stress.rs"),
    ),
];

/// The files of drivers in Rust.
const RUST: [File; 10] = [
    ("Cargo.toml", include_str!("template/files/workspace.toml")),
    ("README.md", include_str!("template/files/README.in")),
    (
        "npi/Cargo.toml",
        include_str!("template/files/npi-manifest.toml"),
    ),
    (
        "npi/src/lib.rs",
        include_str!("../../../../tests/keyvalue/npi/src/lib.rs"),
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

/// The files of drivers in C.
const C: [File; 14] = [
    (
        "Cargo.toml",
        include_str!("template/files/c/workspace.toml"),
    ),
    ("README.md", include_str!("template/files/c/README.in")),
    (
        "npi/Cargo.toml",
        include_str!("template/files/c/npi-manifest.toml"),
    ),
    ("npi/src/lib.rs", include_str!("template/files/c/npi.rs")),
    (
        "provider/Cargo.toml",
        include_str!("template/files/c/provider-manifest.toml"),
    ),
    (
        "provider/build.rs",
        include_str!("template/files/c/build.rs"),
    ),
    (
        "provider/src/lib.rs",
        include_str!("template/files/c/provider.rs"),
    ),
    (
        "provider/src/provider.c",
        include_str!("../../../../tests/keyvalue/c/provider.c"),
    ),
    (
        "client/Cargo.toml",
        include_str!("template/files/c/client-manifest.toml"),
    ),
    ("client/build.rs", include_str!("template/files/c/build.rs")),
    (
        "client/src/lib.rs",
        include_str!("template/files/c/client.rs"),
    ),
    (
        "client/src/client.c",
        include_str!("../../../../tests/keyvalue/c/client.c"),
    ),
    (
        "vendor/wdk-headers/wdm.h",
        include_str!("../../../wdk-headers/wdm.h"),
    ),
    (
        "vendor/wdk-headers/netioddk.h",
        include_str!("../../../wdk-headers/netioddk.h"),
    ),
];

/// The language of the drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    C,
}

impl Language {
    fn files(self) -> impl Iterator<Item = File> {
        let own = match self {
            Self::Rust => &RUST[..],
            Self::C => &C[..],
        };
        COMMON.iter().chain(own).copied()
    }

    /// The libraries that the workspace gets.
    const fn libraries(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["nmr", "wdm", "nmr-test"],
            Self::C => &["nmr-test"],
        }
    }
}

/// Our manifest, which says which versions of Microsoft's crates fit.
const OURS: &str = include_str!("../../../../Cargo.toml");

/// The sources in which the name is written.
pub(super) fn sources() -> Vec<&'static str> {
    let files = Language::Rust.files().chain(Language::C.files());
    files
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|it| it == "rs"))
        .map(|(_, text)| text)
        .collect()
}

/// Writes a workspace to `directory`, which must not be there or be empty. Returns the files.
pub(super) fn write(
    directory: &Path,
    replacement: &Replacement,
    language: Language,
) -> Result<Vec<PathBuf>> {
    let shown = directory.display();
    let is_free = !directory.exists()
        || directory
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_none());
    ensure!(
        is_free,
        "{shown} is there already, and nothing is overwritten: use another name, or --into"
    );
    let header = format!("npi/include/{}_npi.h", replacement.name().snake());
    let ours: Table = OURS.parse().context("our own manifest is wrong")?;
    let mut written = Vec::new();
    let mut add = |path: &str, text: &str| {
        written.push(PathBuf::from(path));
        carried::update(&directory.join(path), text)
    };
    for (path, text) in language.files() {
        let mut text = replacement.apply(text, path.ends_with("Cargo.toml"));
        if path == "Cargo.toml" {
            text = with_versions(text, &ours);
        }
        let (package, _) = path.split_once('/').unwrap_or_default();
        text = text.replace("@ROLE@", package);
        if language == Language::C && path == "npi/npi.toml" {
            let npi = npi_description::parse(Path::new(path), &text)?;
            add(&header, &c_header::text(&npi)?)?;
        }
        add(path, &text)?;
    }
    carried::libraries(&directory.join("vendor"), language.libraries())?;
    format(directory, &written);
    Ok(written)
}

/// Formats the sources: how long a line is, and which import comes first, depends on the
/// name. Without rustfmt they stay as they are, and nobody checks them.
fn format(directory: &Path, files: &[PathBuf]) {
    let is_rust = |file: &&PathBuf| file.extension().is_some_and(|it| it == "rs");
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--edition", "2024"]).current_dir(directory);
    let _ = output(rustfmt.args(files.iter().filter(is_rust)));
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

    /// Windows has `SLIST_HEADER`, `DISPATCHER_HEADER` and many more.
    #[test]
    fn no_structure_in_c_is_the_header_of_something() {
        let name = Name::parse("slist", &sources()).expect("a name");
        let text = Replacement::new(name).apply(DESCRIPTION, false);
        let npi = npi_description::parse(Path::new("npi.toml"), &text).expect("it is right");
        let header = c_header::text(&npi).expect("a header");
        assert!(header.contains("SLIST_REQUEST"), "{header}");
        assert!(!header.contains("SLIST_HEADER"), "{header}");
    }

    #[test]
    fn a_workspace_has_its_name_everywhere_and_its_own_guids() {
        let directory = tempfile::tempdir().expect("a directory");
        for language in [Language::Rust, Language::C] {
            let place = directory.path().join(format!("{language:?}"));
            let name = Name::parse("my-npi", &sources()).expect("a name");
            let replacement = Replacement::new(name);
            let files = write(&place, &replacement, language).expect("written");
            for file in &files {
                let text = std::fs::read_to_string(place.join(file)).expect("read");
                for old in [
                    "keyvalue", "KeyValue", "KEYVALUE", "license", "5b1c2f0e", "@",
                ] {
                    let is_foreign =
                        file.starts_with("vendor") || old == "@" && file.ends_with("drivers.yml");
                    assert!(
                        is_foreign || !text.contains(old),
                        "{}: {old}",
                        file.display()
                    );
                }
            }
            for library in language.libraries() {
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
            let header = place.join("npi/include/my_npi_npi.h");
            assert_eq!(header.is_file(), language == Language::C);
            let again = write(&place, &replacement, language)
                .expect_err("it is there")
                .to_string();
            assert!(again.contains("nothing is overwritten"), "{again}");
        }
    }
}
