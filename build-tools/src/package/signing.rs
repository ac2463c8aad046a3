// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signatures for test, by a certificate made here.
//!
//! # Design
//!
//! The key is made once and stays under the target directory, so that a machine
//! that trusts the certificate trusts later packages too; it never goes into
//! one. The same key, image and time give the same signature.
//!
//! # Limits
//!
//! There is no time stamp of an authority: the signature ends with the
//! certificate, which is good for ten years.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::workspace::{Workspace, output};

/// The certificate, as a machine under test shows it.
const SUBJECT: &str = "NmrPairTest";

const KEY: &str = "key.pem";
const CERTIFICATE: &str = "certificate.pem";

/// Windows' code integrity takes RSA everywhere.
const KEY_TYPE: &str = "rsa:3072";
const DAYS: &str = "3650";

/// What signs: a key with its certificate.
pub(super) struct Signer {
    directory: PathBuf,
}

impl Signer {
    /// The one of this target directory, made if there is none.
    pub(super) fn open(workspace: &Workspace) -> Result<Self> {
        let signer = Self {
            directory: workspace.target().join("signing"),
        };
        if !signer.directory.exists() {
            make(workspace.target(), &signer.directory)?;
        }
        for name in [KEY, CERTIFICATE] {
            ensure!(
                signer.directory.join(name).is_file(),
                "{} has no {name}: delete it, and let machines trust the next certificate",
                signer.directory.display()
            );
        }
        Ok(signer)
    }

    /// The certificate as Windows imports it (DER).
    pub(super) fn certificate(&self) -> Result<Vec<u8>> {
        let mut openssl = openssl(&["x509", "-outform", "DER", "-in"])?;
        let output = openssl.arg(self.directory.join(CERTIFICATE)).output()?;
        ensure!(
            output.status.success(),
            "{} cannot be read: delete it, and let machines trust the next certificate",
            self.directory.display()
        );
        Ok(output.stdout)
    }

    /// Puts the image `from`, signed at `time` in seconds since 1970, at `to`.
    pub(super) fn sign(&self, from: &Path, to: &Path, time: u64) -> Result<()> {
        let mut tool = Command::new(driver_parts::signer()?);
        tool.args(["sign", "-h", "sha256", "-n", SUBJECT])
            .args(["-time", &time.to_string()])
            .arg("-certs")
            .arg(self.directory.join(CERTIFICATE))
            .arg("-key")
            .arg(self.directory.join(KEY))
            .arg("-in")
            .arg(from)
            .arg("-out")
            .arg(to);
        let said = tool.output().context("osslsigncode cannot be run")?;
        if said.status.success() {
            return Ok(());
        }
        let said = [said.stdout, said.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        bail!("{} cannot be signed: {}", from.display(), said.trim());
    }
}

/// What signs here, with versions.
pub(super) fn tools() -> Result<[(&'static str, String); 2]> {
    let version = output(Command::new(driver_parts::signer()?).arg("--version"))?;
    let version = version.lines().next().unwrap_or_default();
    let version = version.trim_end_matches(", using:").to_owned();
    let openssl = output(&mut openssl(&["version"])?)?;
    Ok([("osslsigncode", version), ("openssl", openssl)])
}

fn openssl(arguments: &[&str]) -> Result<Command> {
    let mut openssl = Command::new(driver_parts::key_maker()?);
    openssl.args(arguments);
    Ok(openssl)
}

/// Makes key and certificate; both are there afterwards, or neither.
fn make(parent: &Path, directory: &Path) -> Result<()> {
    let making = TempDir::new_in(parent)
        .with_context(|| format!("{} cannot be made: free the path", directory.display()))?;
    let request = format!(
        "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = extensions\n\
         [name]\nCN = {SUBJECT}\n\
         [extensions]\nbasicConstraints = critical, CA:FALSE\n\
         keyUsage = critical, digitalSignature\nextendedKeyUsage = codeSigning\n\
         subjectKeyIdentifier = hash\n"
    );
    let configuration = making.path().join("request.cnf");
    fs::write(&configuration, request)?;
    let mut tool = openssl(&["req", "-x509", "-sha256", "-nodes", "-newkey", KEY_TYPE])?;
    tool.args(["-days", DAYS, "-config"])
        .arg(&configuration)
        .arg("-keyout")
        .arg(making.path().join(KEY))
        .arg("-out")
        .arg(making.path().join(CERTIFICATE));
    output(&mut tool)?;
    fs::remove_file(&configuration)?;
    // Somebody else may have been faster.
    if let Err(error) = fs::rename(making.path(), directory)
        && !directory.exists()
    {
        return Err(error).with_context(|| format!("{} cannot be made", directory.display()));
    }
    Ok(())
}
