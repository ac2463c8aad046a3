// SPDX-License-Identifier: MIT OR Apache-2.0

//! Test signatures, by a self-signed certificate.
//!
//! # Design
//!
//! The key is made once and kept, so that a machine that trusts the certificate trusts
//! later packages as well; it never goes into a package. `osslsigncode` signs, on
//! Windows `signtool`: one file each.
//!
//! # Limits
//!
//! There is no time stamp of an authority: the signature expires with the certificate,
//! after ten years.

mod openssl;
mod windows;

use std::path::Path;

use anyhow::Result;

use crate::workspace::Workspace;

/// The subject of the certificate.
const SUBJECT: &str = "NmrPairTest";

/// Size of the RSA key: every Windows' code integrity accepts RSA.
const KEY_BITS: u32 = 3072;
/// Validity of the certificate.
const YEARS: u32 = 10;

/// Signs images with one key.
pub(super) trait Signer {
    /// The certificate in DER, as Windows imports it.
    fn certificate(&self) -> Result<Vec<u8>>;

    /// Writes the image `from` to `to`, signed at `time` in seconds since 1970.
    fn sign(&self, from: &Path, to: &Path, time: u64) -> Result<()>;

    /// Makes a signed catalogue beside each INF in `directory`, if this host can, and
    /// returns their names.
    fn catalogues(&self, directory: &Path) -> Result<Vec<String>>;
}

/// The signer of this host; makes a key if there is none.
pub(super) fn signer(workspace: &Workspace) -> Result<Box<dyn Signer>> {
    Ok(if cfg!(windows) {
        Box::new(windows::Store::open()?)
    } else {
        Box::new(openssl::Key::open(workspace)?)
    })
}

/// Returns `true` if a file is a certificate in DER.
pub(super) fn is_certificate(file: &Path) -> Result<bool> {
    if cfg!(windows) {
        Ok(windows::is_certificate(file))
    } else {
        openssl::is_certificate(file)
    }
}

/// The defect of the signature of `image`, which must be by the certificate in the file
/// `certificate`.
pub(super) fn fault(image: &Path, certificate: &Path) -> Result<Option<String>> {
    if cfg!(windows) {
        windows::fault(image, certificate)
    } else {
        openssl::fault(image, certificate)
    }
}

/// The signing tools, with versions.
pub(super) fn tools() -> Result<Vec<(&'static str, String)>> {
    if cfg!(windows) {
        windows::tools()
    } else {
        openssl::tools()
    }
}
