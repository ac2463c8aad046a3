// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signatures for test, by a certificate made here.
//!
//! # Design
//!
//! The key is made once and stays, so that a machine that trusts the certificate
//! trusts later packages too; it never goes into one. What signs is
//! `osslsigncode`, on Windows `signtool`: one file each.
//!
//! # Limits
//!
//! There is no time stamp of an authority: the signature ends with the
//! certificate, which is good for ten years.

mod openssl;
mod windows;

use std::path::Path;

use anyhow::Result;

use crate::workspace::Workspace;

/// The name of the certificate, as machines show it.
const SUBJECT: &str = "NmrPairTest";

/// Windows' code integrity takes RSA everywhere.
const KEY_BITS: u32 = 3072;
const YEARS: u32 = 10;

/// Has the key.
pub(super) trait Signer {
    /// The certificate as Windows imports it (DER).
    fn certificate(&self) -> Result<Vec<u8>>;

    /// Puts the image `from`, signed at `time` in seconds since 1970, at `to`.
    fn sign(&self, from: &Path, to: &Path, time: u64) -> Result<()>;

    /// Makes a signed catalogue beside each INF in `directory`, if it can be done
    /// here; answers their names.
    fn catalogues(&self, directory: &Path) -> Result<Vec<String>>;
}

/// The signer of this host, made if there is none.
pub(super) fn signer(workspace: &Workspace) -> Result<Box<dyn Signer>> {
    Ok(if cfg!(windows) {
        Box::new(windows::Store::open()?)
    } else {
        Box::new(openssl::Key::open(workspace)?)
    })
}

/// Whether a file is a certificate as Windows imports it.
pub(super) fn is_certificate(file: &Path) -> Result<bool> {
    if cfg!(windows) {
        Ok(windows::is_certificate(file))
    } else {
        openssl::is_certificate(file)
    }
}

/// What is wrong with the signature of `image`, if it should be by the
/// certificate in the file `certificate`.
pub(super) fn fault(image: &Path, certificate: &Path) -> Result<Option<String>> {
    if cfg!(windows) {
        windows::fault(image, certificate)
    } else {
        openssl::fault(image, certificate)
    }
}

/// What signs here, with versions.
pub(super) fn tools() -> Result<Vec<(&'static str, String)>> {
    if cfg!(windows) {
        windows::tools()
    } else {
        openssl::tools()
    }
}
