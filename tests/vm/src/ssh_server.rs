// SPDX-License-Identifier: MIT OR Apache-2.0

//! The address of an SSH server, as `vm.toml` describes it.

use std::path::PathBuf;

use serde::Deserialize;

/// An SSH server, and the account on it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SshServer {
    /// A host name of `ssh`'s configuration, or an address.
    pub host: String,
    /// The port; by default that of `ssh`'s configuration.
    pub port: Option<u16>,
    /// The account: an administrator, or root.
    pub user: Option<String>,
    /// The file of the private key.
    pub key: Option<PathBuf>,
    /// Further options of `ssh`, `Name=value` each.
    #[serde(default)]
    pub options: Vec<String>,
}
