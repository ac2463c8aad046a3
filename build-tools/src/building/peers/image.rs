// SPDX-License-Identifier: MIT OR Apache-2.0

//! The image of a peer: written down, compiled and linked, unless that was done before.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{Conduct, Module, Peer};
use crate::building::c_driver;

/// The libraries that peers import from.
const LIBRARIES: [(&str, &str); 3] = [
    ("ntoskrnl", include_str!("runtime/ntoskrnl.def")),
    ("netio", include_str!("../../../wdk-build/src/netio.def")),
    ("cng", include_str!("runtime/cng.def")),
];

/// Builds a peer in `directory`, below `root`, at which the paths begin that findings
/// show. Returns its image.
pub(crate) fn build(peer: &Peer<'_>, directory: &Path, root: &Path) -> Result<PathBuf> {
    fs::create_dir_all(directory)
        .with_context(|| format!("{} cannot be made: free the path", directory.display()))?;
    let place = |name: &str, extension: &str| directory.join(name).with_extension(extension);
    let libraries = LIBRARIES.map(|(name, _)| place(name, "lib"));
    for ((name, definition), library) in LIBRARIES.iter().zip(&libraries) {
        let file = place(name, "def");
        if !library.exists() || !has(&file, definition) {
            write(&file, definition)?;
            c_driver::import_library(&file, library)?;
        }
    }
    let name = name(peer);
    let (source, image) = (place(&name, "c"), place(&name, "sys"));
    let text = peer.source();
    if image.exists() && has(&source, &text) {
        return Ok(image);
    }
    // An image without this source would be taken for its own.
    _ = fs::remove_file(&image);
    write(&source, &text)?;
    // Others may build it meanwhile: each file is replaced at once.
    let work = tempfile::tempdir_in(directory)?;
    let object = work.path().join(&name).with_extension("obj");
    let made = object.with_extension("sys");
    let shown = source.strip_prefix(root).unwrap_or(&source);
    let shown = shown.to_string_lossy();
    let headers = kit_headers(directory)?;
    let headers = headers.strip_prefix(root).unwrap_or(&headers);
    let headers = format!("-I{}", headers.display());
    c_driver::compile(root, &shown, &["-Wno-unused", &headers], &object)?;
    c_driver::link(&[object], &libraries, &made)?;
    for extension in ["pdb", "sys"] {
        let (made, image) = (made.with_extension(extension), place(&name, extension));
        fs::rename(made, &image)
            .with_context(|| format!("{} cannot be written: free the path", image.display()))?;
    }
    Ok(image)
}

/// Writes the headers that stand in for those of the Windows Driver Kit. Returns their
/// directory.
fn kit_headers(directory: &Path) -> Result<PathBuf> {
    let headers = directory.join("wdk-headers");
    fs::create_dir_all(&headers)
        .with_context(|| format!("{} cannot be made: free the path", headers.display()))?;
    for (name, text) in c_driver::KIT_HEADERS {
        let file = headers.join(name);
        if !has(&file, text) {
            write(&file, text)?;
        }
    }
    Ok(headers)
}

fn has(file: &Path, text: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|old| old == text)
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text)
        .with_context(|| format!("{} cannot be written: free the path", file.display()))
}

/// The name of the files: those of other modules than the usual one have a number more.
fn name(peer: &Peer<'_>) -> String {
    let role = match peer.conduct {
        Conduct::Auto => peer.role().to_owned(),
        Conduct::Hostile => format!("{}_hostile", peer.role()),
    };
    let usual = peer.own_id().map(|id| Module {
        id,
        number: 0,
        version: 0,
    });
    let stem = peer.npi.map_or("stub", |npi| npi.name.as_str());
    if usual.is_some_and(|usual| peer.modules == [usual]) {
        return format!("{stem}_{role}");
    }
    let digest = Sha256::digest(format!("{:?}{:?}", peer.id, peer.modules));
    let number = digest.first_chunk().copied().map_or(0, u32::from_be_bytes);
    format!("{stem}_{role}_{number:08x}")
}
