// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use scenarios::{CycleFilter, Instances, Scenario, Script, Tier};

/// Loads and unloads the pair repeatedly on this kernel.
#[derive(Debug, Parser)]
#[command(name = "nmr-stress")]
pub(crate) struct Arguments {
    /// Image of the provider.
    #[arg(long, value_name = "FILE")]
    pub(crate) provider: PathBuf,
    /// Image of the client.
    #[arg(long, value_name = "FILE")]
    pub(crate) client: PathBuf,
    /// Seed of all random choices.
    #[arg(long)]
    pub(crate) seed: u64,
    /// Number of the first cycle.
    #[arg(long, default_value_t = 0)]
    pub(crate) first: u64,
    /// Number of cycles.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) cycles: u64,
    /// Name of the tier in the report.
    #[arg(long, value_name = "NAME", default_value = "windows")]
    pub(crate) tier: String,
    /// The running kernel: selects the scenarios, and when programs use the drivers.
    #[arg(long, value_enum, default_value_t = Kernel::Windows)]
    pub(crate) kernel: Kernel,
    /// Mechanisms that load and unload drivers, used in turn; the report lists those that
    /// this kernel does not have.
    #[arg(long, value_delimiter = ',', default_values = ["scm", "nt"])]
    pub(crate) by: Vec<Mechanism>,
    /// Number of instances of each driver, such as 2x3 [default: drawn for each cycle].
    #[arg(long, value_name = "PxC")]
    pub(crate) instances: Option<Instances>,
    /// Run only cycles of this scenario.
    #[arg(long, value_name = "SCENARIO")]
    pub(crate) only: Option<Scenario>,
    /// Load order group of all services.
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Another driver, loaded before the pair and unloaded after it.
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) with: Vec<Companion>,
    /// Script of each cycle [default: drawn for each cycle]. With a script, each question
    /// that NMR's documentation leaves open has its first answer.
    #[arg(long, value_name = "SCRIPT")]
    pub(crate) script: Option<Script>,
    /// Restart the machine where the script says shutdown.
    #[arg(long, requires = "script")]
    pub(crate) restart: bool,
    /// Also print the registrar's events.
    #[arg(long)]
    pub(crate) events: bool,
    /// Seconds after which a cycle counts as hung.
    #[arg(long, default_value_t = 30)]
    pub(crate) patience: u64,
}

impl Arguments {
    /// The possible cycles.
    pub(crate) fn cycle_filter(&self) -> CycleFilter {
        CycleFilter {
            tier: match self.kernel {
                Kernel::Windows => Tier::Windows,
                Kernel::Wine => Tier::Wine,
            },
            only: self.only,
            ..CycleFilter::from(self.instances)
        }
    }
}

/// The kernel that runs the drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kernel {
    /// Windows: programs use drivers during loads and unloads, too.
    Windows,
    /// Wine, which unmaps an image with requests in progress: programs use loaded drivers
    /// only.
    Wine,
}

/// A mechanism that loads and unloads drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mechanism {
    /// The service control manager.
    Scm,
    /// `NtLoadDriver` and `NtUnloadDriver`.
    Nt,
    /// A driver that calls `ZwLoadDriver` and `ZwUnloadDriver`.
    Loader,
}

impl Mechanism {
    /// Its name in reports.
    pub(crate) fn name(self) -> String {
        let mechanism = match self {
            Self::Scm => scenarios::Mechanism::ServiceControlManager,
            Self::Nt => scenarios::Mechanism::NtLoadDriver,
            Self::Loader => scenarios::Mechanism::ZwLoadDriver,
        };
        mechanism.to_string()
    }
}

/// A driver beside the pair.
#[derive(Clone, Debug)]
pub(crate) struct Companion {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

impl FromStr for Companion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok(Self {
                name: name.to_owned(),
                file: file.into(),
            }),
            _ => Err("name a service and its image, as in NAME=FILE".to_owned()),
        }
    }
}
