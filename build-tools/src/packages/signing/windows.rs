// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signs on Windows: PowerShell makes and checks certificates, `signtool` signs, and
//! `inf2cat`, if it is installed, makes catalogues.
//!
//! # Limits
//!
//! Never run by the project itself. The key stays in the user's certificate store, and
//! the time of a signature is that of the clock.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Error, Result, bail};
use tempfile::TempDir;

use super::super::is_catalogue;
use super::{KEY_BITS, SUBJECT, Signer, YEARS};
use crate::prerequisites::windows_kit;
use crate::terminal::PROGRAM;
use crate::workspace::{artifact, output};

/// The operating system of a catalogue: Windows 10 and later for x64.
const CATALOGUE_OF: &str = "/os:10_X64";

/// A certificate in the user's store.
pub(super) struct Store {
    thumbprint: String,
}

impl Store {
    pub(super) fn open() -> Result<Self> {
        let thumbprint = powershell(&format!(
            "$c = Get-ChildItem Cert:\\CurrentUser\\My -CodeSigningCert | \
             Where-Object {{ $_.Subject -eq 'CN={SUBJECT}' -and $_.NotAfter -gt (Get-Date) }} | \
             Sort-Object NotAfter | Select-Object -Last 1; \
             if (-not $c) {{ $c = New-SelfSignedCertificate -Type CodeSigningCert \
             -Subject 'CN={SUBJECT}' -CertStoreLocation Cert:\\CurrentUser\\My \
             -KeyAlgorithm RSA -KeyLength {KEY_BITS} -HashAlgorithm SHA256 \
             -NotAfter (Get-Date).AddYears({YEARS}) }}; $c.Thumbprint"
        ))?;
        Ok(Self { thumbprint })
    }

    fn sign_in_place(&self, file: &Path) -> Result<()> {
        let mut tool = Command::new(signtool()?);
        tool.args(["sign", "/fd", "SHA256", "/sha1", &self.thumbprint]);
        output(tool.arg(file)).map(drop)
    }
}

impl Signer for Store {
    fn certificate(&self) -> Result<Vec<u8>> {
        let directory = TempDir::new()?;
        let file = directory.path().join("certificate.cer");
        powershell(&format!(
            "Export-Certificate -Cert Cert:\\CurrentUser\\My\\{} -FilePath {}",
            self.thumbprint,
            quoted(&file)
        ))?;
        Ok(std::fs::read(file)?)
    }

    fn sign(&self, from: &Path, to: &Path, _: u64) -> Result<()> {
        artifact::copy(from, to)?;
        self.sign_in_place(to)
    }

    fn catalogues(&self, directory: &Path) -> Result<Vec<String>> {
        let Ok(maker) = windows_kit::program("inf2cat.exe") else {
            return Ok(Vec::new());
        };
        let mut driver = OsStr::new("/driver:").to_owned();
        driver.push(directory);
        output(Command::new(maker).arg(driver).arg(CATALOGUE_OF))?;
        let mut made = Vec::new();
        for name in artifact::names(directory)? {
            if is_catalogue(&name) {
                self.sign_in_place(&directory.join(&name))?;
                made.push(name);
            }
        }
        Ok(made)
    }
}

pub(super) fn is_certificate(file: &Path) -> bool {
    powershell(&certificate(file)).is_ok()
}

/// The PowerShell expression of a certificate in a file.
fn certificate(file: &Path) -> String {
    let file = quoted(file);
    format!("New-Object System.Security.Cryptography.X509Certificates.X509Certificate2 {file}")
}

/// The defect of an image's signature. Not trusting the certificate is none.
pub(super) fn fault(image: &Path, certificate: &Path) -> Result<Option<String>> {
    let text = powershell(&format!(
        "$s = Get-AuthenticodeSignature -LiteralPath {}; \
         $c = {}; \
         '{{0}} {{1}}' -f $s.Status, ($s.SignerCertificate.Thumbprint -eq $c.Thumbprint)",
        quoted(image),
        self::certificate(certificate)
    ))?;
    let fault = match text.split_once(' ') {
        Some(("HashMismatch", _)) => "its signature does not match its content",
        Some(("NotSigned", _)) => "it is not signed",
        Some((_, "True")) => return Ok(None),
        Some(_) => "its signature is not by the certificate of the package",
        None => bail!("Get-AuthenticodeSignature returned {text:?}: update PowerShell"),
    };
    Ok(Some(fault.to_owned()))
}

pub(super) fn tools() -> Result<Vec<(&'static str, String)>> {
    let signtool = signtool()?;
    Ok(vec![("signtool", signtool.display().to_string())])
}

fn signtool() -> Result<PathBuf> {
    windows_kit::program("signtool.exe").map_err(|sought| {
        Error::msg(format!(
            "signtool is missing ({sought}): see `{PROGRAM} doctor`"
        ))
    })
}

fn powershell(script: &str) -> Result<String> {
    output(Command::new("powershell").args([
        "-NoProfile",
        "-NonInteractive",
        "-Command",
        &format!("$ErrorActionPreference = 'Stop'; {script}"),
    ]))
}

/// A path as a literal of PowerShell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_path_is_doubled() {
        assert_eq!(quoted(Path::new("it's here")), "'it''s here'");
    }
}
