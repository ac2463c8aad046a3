// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signing with `openssl` and `osslsigncode`. The same key, image and time give
//! the same signature.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::{NamedTempFile, TempDir};

use super::{KEY_BITS, SUBJECT, Signer, YEARS};
use crate::workspace::{Workspace, output};

const KEY: &str = "key.pem";
const CERTIFICATE: &str = "certificate.pem";

/// A key with its certificate, in a directory under the target directory.
pub(super) struct Key(PathBuf);

impl Key {
    pub(super) fn open(workspace: &Workspace) -> Result<Self> {
        let key = Self(workspace.target().join("signing"));
        if !key.0.exists() {
            key.make(workspace.target())?;
        }
        for name in [KEY, CERTIFICATE] {
            ensure!(key.0.join(name).is_file(), key.unusable());
        }
        Ok(key)
    }

    fn unusable(&self) -> String {
        format!(
            "{} is not a key with its certificate: delete it, and let machines trust the next one",
            self.0.display()
        )
    }

    /// Makes both; they are there afterwards, or neither is.
    fn make(&self, parent: &Path) -> Result<()> {
        let cannot = || format!("{} cannot be made: free the path", self.0.display());
        let making = TempDir::new_in(parent).with_context(cannot)?;
        let request = format!(
            "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = extensions\n\
             [name]\nCN = {SUBJECT}\n\
             [extensions]\nbasicConstraints = critical, CA:FALSE\n\
             keyUsage = critical, digitalSignature\nextendedKeyUsage = codeSigning\n\
             subjectKeyIdentifier = hash\n"
        );
        let configuration = making.path().join("request.cnf");
        fs::write(&configuration, request).with_context(cannot)?;
        let mut tool = openssl(&["req", "-x509", "-sha256", "-nodes"])?;
        tool.args(["-newkey", &format!("rsa:{KEY_BITS}")])
            .args(["-days", &(YEARS * 365).to_string()])
            .arg("-config")
            .arg(&configuration)
            .arg("-keyout")
            .arg(making.path().join(KEY))
            .arg("-out")
            .arg(making.path().join(CERTIFICATE));
        output(&mut tool)?;
        fs::remove_file(&configuration)?;
        // Somebody else may have been faster.
        match fs::rename(making.path(), &self.0) {
            Err(error) if !self.0.exists() => return Err(error).with_context(cannot),
            Err(_) => {}
            // Nothing is left to remove.
            Ok(()) => drop(making.keep()),
        }
        Ok(())
    }
}

impl Signer for Key {
    fn certificate(&self) -> Result<Vec<u8>> {
        let mut tool = openssl(&["x509", "-outform", "DER", "-in"])?;
        let output = tool.arg(self.0.join(CERTIFICATE)).output()?;
        ensure!(output.status.success(), self.unusable());
        Ok(output.stdout)
    }

    fn sign(&self, from: &Path, to: &Path, time: u64) -> Result<()> {
        let mut tool = Command::new(driver_parts::signer()?);
        tool.args(["sign", "-h", "sha256", "-n", SUBJECT])
            .args(["-time", &time.to_string()])
            .arg("-certs")
            .arg(self.0.join(CERTIFICATE))
            .arg("-key")
            .arg(self.0.join(KEY))
            .arg("-in")
            .arg(from)
            .arg("-out")
            .arg(to);
        let (done, said) = told(&mut tool)?;
        ensure!(done, "{} cannot be signed: {said}", from.display());
        Ok(())
    }

    /// Only Windows has `inf2cat`.
    fn catalogues(&self, _: &Path) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

pub(super) fn is_certificate(file: &Path) -> Result<bool> {
    let mut tool = openssl(&["x509", "-inform", "DER", "-noout", "-in"])?;
    Ok(told(tool.arg(file))?.0)
}

pub(super) fn fault(image: &Path, certificate: &Path) -> Result<Option<String>> {
    let pem = NamedTempFile::new()?;
    let mut tool = openssl(&["x509", "-inform", "DER", "-in"])?;
    tool.arg(certificate).arg("-out").arg(pem.path());
    output(&mut tool)?;
    let mut tool = Command::new(driver_parts::signer()?);
    tool.arg("verify").arg("-CAfile").arg(pem.path()).arg(image);
    let (good, said) = told(&mut tool)?;
    Ok((!good).then(|| reason(&said).to_owned()))
}

/// What osslsigncode means.
fn reason(said: &str) -> &str {
    if said.contains("MISMATCH") {
        "its signature is of other bytes"
    } else if said.to_ascii_lowercase().contains("no signature found") {
        "it is not signed"
    } else {
        "its signature is not by the certificate here"
    }
}

pub(super) fn tools() -> Result<Vec<(&'static str, String)>> {
    let said = output(Command::new(driver_parts::signer()?).arg("--version"))?;
    let version = said.lines().next().unwrap_or_default();
    let version = version.trim_end_matches(", using:").to_owned();
    let openssl = output(&mut openssl(&["version"])?)?;
    Ok(vec![("osslsigncode", version), ("openssl", openssl)])
}

fn openssl(arguments: &[&str]) -> Result<Command> {
    let mut openssl = Command::new(driver_parts::key_maker()?);
    openssl.args(arguments);
    Ok(openssl)
}

/// Whether `command` succeeded, and all it said.
fn told(command: &mut Command) -> Result<(bool, String)> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .with_context(|| format!("{program} cannot be run: see `cargo xtask doctor`"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Ok((output.status.success(), said))
}
