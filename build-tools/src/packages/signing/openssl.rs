// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signs with `openssl` and `osslsigncode`: the same key, image and time give the same
//! signature.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::{NamedTempFile, TempDir};

use super::{KEY_BITS, SUBJECT, Signer, YEARS};
use crate::workspace::{Workspace, output, output_and_errors};

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
            "{} is not a key with its certificate: delete it, and make machines trust the next one",
            self.0.display()
        )
    }

    /// Makes key and certificate: both, or on an error neither.
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
        // Another process may have made it first.
        match fs::rename(making.path(), &self.0) {
            Err(error) if !self.0.exists() => return Err(error).with_context(cannot),
            Err(_) => {}
            // It was renamed: nothing to remove.
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
        let mut tool = Command::new(driver_prerequisites::signer()?);
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
        let (done, text) = output_and_errors(&mut tool)?;
        ensure!(done, "{} cannot be signed: {text}", from.display());
        Ok(())
    }

    /// Only Windows has `inf2cat`.
    fn catalogues(&self, _: &Path) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

pub(super) fn is_certificate(file: &Path) -> Result<bool> {
    let mut tool = openssl(&["x509", "-inform", "DER", "-noout", "-in"])?;
    Ok(output_and_errors(tool.arg(file))?.0)
}

pub(super) fn fault(image: &Path, certificate: &Path) -> Result<Option<String>> {
    let pem = NamedTempFile::new()?;
    let mut tool = openssl(&["x509", "-inform", "DER", "-in"])?;
    tool.arg(certificate).arg("-out").arg(pem.path());
    output(&mut tool)?;
    let mut tool = Command::new(driver_prerequisites::signer()?);
    tool.arg("verify").arg("-CAfile").arg(pem.path()).arg(image);
    let (good, text) = output_and_errors(&mut tool)?;
    Ok((!good).then(|| reason(&text).to_owned()))
}

/// The defect that osslsigncode reports.
fn reason(text: &str) -> &str {
    if text.contains("MISMATCH") {
        "its signature does not match its content"
    } else if text.to_ascii_lowercase().contains("no signature found") {
        "it is not signed"
    } else {
        "its signature is not by the certificate of the package"
    }
}

pub(super) fn tools() -> Result<Vec<(&'static str, String)>> {
    let text = output(Command::new(driver_prerequisites::signer()?).arg("--version"))?;
    let version = text.lines().next().unwrap_or_default();
    let version = version.trim_end_matches(", using:").to_owned();
    let openssl = output(&mut openssl(&["version"])?)?;
    Ok(vec![("osslsigncode", version), ("openssl", openssl)])
}

fn openssl(arguments: &[&str]) -> Result<Command> {
    let mut openssl = Command::new(driver_prerequisites::key_maker()?);
    openssl.args(arguments);
    Ok(openssl)
}
