// SPDX-License-Identifier: MIT OR Apache-2.0

//! The arguments that select the drivers of a run and describe them.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use scenarios::{Ignored, RegistryValue};

use crate::building::peers::Conduct;

#[derive(Clone, Args)]
pub(crate) struct Loaded {
    /// Use this image as the provider, instead of building one.
    #[arg(long, value_name = "FILE")]
    pub(crate) provider: Option<PathBuf>,
    /// Use this image as the client, instead of building one.
    #[arg(long, value_name = "FILE")]
    pub(crate) client: Option<PathBuf>,
    /// Load this driver, in the role that it registers, instead of a provider and a client;
    /// may be given several times.
    #[arg(long = "driver", value_name = "FILE", conflicts_with_all = ["provider", "client"])]
    pub(crate) drivers: Vec<PathBuf>,
    #[arg(
        long,
        value_name = "CONDUCT",
        conflicts_with_all = ["provider", "client"],
        help = "Build a peer for each NPI that a driver registers, from the NPI's description. \
                auto: for an NPI that no other driver serves, and it keeps the contract; hostile: \
                for every NPI, and it breaks the contract in all ways that a module must survive"
    )]
    pub(crate) peer: Option<Conduct>,
    /// Description of an NPI (npi.toml), so that its calls are checked by name; may be given
    /// several times. Those of the workspace's packages are known.
    #[arg(long, value_name = "FILE")]
    pub(crate) npi: Vec<PathBuf>,
    /// Registry value of a driver, such as client:Threads=4, mydriver:Key\Name=text or
    /// mydriver:Id=hex:00ff; may be given several times.
    #[arg(long, value_name = "NAME:KEY=VALUE")]
    pub(crate) registry: Vec<RegistryValue>,
    /// Ignore the findings of a code, or those in one function; the report counts them.
    /// May be given several times.
    #[arg(long, value_name = "CODE[@FUNCTION]")]
    pub(crate) ignore: Vec<Ignored>,
    /// Allow a driver to refuse to be loaded, for example without its peer.
    #[arg(long)]
    pub(crate) may_refuse: bool,
}

impl Loaded {
    /// Refuses two values in one place of the registry.
    pub(super) fn check_registry(&self) -> Result<()> {
        for (number, value) in self.registry.iter().enumerate() {
            let mut earlier = self.registry[..number].iter();
            if let Some(first) = earlier.find(|it| it.is_of_same_value(value)) {
                bail!("--registry {first} and --registry {value} are one value: leave one out");
            }
        }
        Ok(())
    }
}
