// SPDX-License-Identifier: MIT OR Apache-2.0

//! `manifest.json`: the files of a package with their hashes, its sources and tools.
//! The hash of the manifest itself is in a file beside it, so that every byte of a
//! package is covered.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::signing;
use super::source::Source;
use crate::prerequisites::toolchain::Compiler;
use crate::workspace::hash::sha256;
use crate::workspace::{cargo, output};

pub(super) const NAME: &str = "manifest.json";
/// The hash of the manifest, in the format of `sha256sum`.
pub(super) const HASH_NAME: &str = "manifest.json.sha256";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) source: Source,
    /// The programs that made the package, with their versions.
    pub(super) tools: BTreeMap<String, String>,
    pub(super) files: BTreeMap<String, Entry>,
}

/// A file of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) kind: Content,
    pub(super) size: u64,
    pub(super) sha256: String,
    /// Hash of a signed file before it was signed: the same tree gives the same hash,
    /// with any key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) unsigned_sha256: Option<String>,
    /// `None` for files that were not built from this tree.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) version: Option<String>,
}

/// The content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Content {
    Driver,
    /// An image that overrides a driver; it may have defects on purpose.
    #[serde(rename = "given-driver")]
    OverrideDriver,
    Symbols,
    Installation,
    /// What Windows Performance Recorder records.
    RecordingProfile,
    Program,
    Certificate,
    Catalogue,
    Guide,
}

impl Manifest {
    /// A manifest without files.
    pub(super) fn new(source: &Source) -> Result<Self> {
        Ok(Self {
            source: source.clone(),
            tools: tools()?,
            files: BTreeMap::new(),
        })
    }

    /// Adds a file; `unsigned` is its content before it was signed.
    pub(super) fn add(
        &mut self,
        name: &str,
        content: Content,
        bytes: &[u8],
        unsigned: Option<&[u8]>,
    ) {
        let version = match content {
            Content::OverrideDriver | Content::Certificate => None,
            _ => Some(self.source.version().to_owned()),
        };
        let entry = Entry {
            kind: content,
            size: bytes.len() as u64,
            sha256: sha256(bytes),
            unsigned_sha256: unsigned.map(sha256),
            version,
        };
        self.files.insert(name.to_owned(), entry);
    }

    /// The manifest and its hash, as files with their names.
    pub(super) fn files(&self) -> Result<[(&'static str, Vec<u8>); 2]> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let hash = hash_line(&text).into_bytes();
        Ok([(NAME, text), (HASH_NAME, hash)])
    }
}

/// The content of the hash file of a manifest with this text.
pub(super) fn hash_line(text: &[u8]) -> String {
    format!("{}  {NAME}\n", sha256(text))
}

fn tools() -> Result<BTreeMap<String, String>> {
    let mut tools = BTreeMap::from([
        ("rustc", Compiler::find()?.version),
        ("cargo", output(Command::new(cargo()).arg("--version"))?),
    ]);
    tools.extend(signing::tools()?);
    if !cfg!(windows) {
        let linker = output(Command::new(driver_prerequisites::linker()?).arg("--version"))?;
        tools.insert("linker of drivers", linker);
        let linker =
            output(Command::new(driver_prerequisites::program_linker()?).arg("--version"))?;
        let linker = linker.lines().next().unwrap_or_default().to_owned();
        tools.insert("linker of programs", linker);
    }
    Ok(tools
        .into_iter()
        .map(|(name, version)| (name.to_owned(), version))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let source = Source::new("1.2.3", "0123abc", 951_782_400, "02/29/2000", true);
        let mut manifest = Manifest {
            source,
            tools: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        manifest.add("provider.sys", Content::Driver, b"signed", Some(b"abc"));
        manifest.add("client.sys", Content::OverrideDriver, b"", Some(b""));
        manifest
    }

    #[test]
    fn a_file_has_the_hash_that_others_would_compute() {
        let manifest = manifest();
        let provider = &manifest.files["provider.sys"];
        assert_eq!(provider.size, 6);
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(provider.unsigned_sha256.as_deref(), Some(of_abc));
        assert_eq!(provider.version.as_deref(), Some("1.2.3"));
        assert_eq!(manifest.files["client.sys"].version, None);
    }

    #[test]
    fn it_reads_as_it_was_written_and_has_its_hash_beside_it() {
        let manifest = manifest();
        let [(_, text), (_, hash)] = manifest.files().expect("JSON");
        let read: Manifest = serde_json::from_slice(&text).expect("a manifest");
        assert_eq!(read, manifest);
        let hash = String::from_utf8(hash).expect("text");
        assert_eq!(hash, format!("{}  manifest.json\n", sha256(&text)));
    }
}
