// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use scenarios::{CycleFilter, Instances, Scenario, Script, Tier};

/// Loads and unloads the pair on this kernel, over and over.
#[derive(Debug, Parser)]
#[command(name = "nmr-stress")]
pub(crate) struct Arguments {
    /// The provider's image.
    #[arg(long, value_name = "FILE")]
    pub(crate) provider: PathBuf,
    /// The client's image.
    #[arg(long, value_name = "FILE")]
    pub(crate) client: PathBuf,
    /// What all choices are drawn from.
    #[arg(long)]
    pub(crate) seed: u64,
    /// The number of the first cycle.
    #[arg(long, default_value_t = 0)]
    pub(crate) first: u64,
    /// How many cycles to run.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) cycles: u64,
    /// Where this runs, as the report names it.
    #[arg(long, value_name = "NAME", default_value = "windows")]
    pub(crate) tier: String,
    /// Whose kernel this is, which decides on the scenarios and on how programs use
    /// the drivers.
    #[arg(long, value_enum, default_value_t = Kernel::Windows)]
    pub(crate) kernel: Kernel,
    /// How drivers come and go, from cycle to cycle in turn; what this kernel does
    /// not have is left out, and the report says so.
    #[arg(long, value_delimiter = ',', default_values = ["scm", "nt"])]
    pub(crate) by: Vec<Mechanism>,
    /// How many instances of each driver there are, as in 2x3; drawn for each
    /// cycle unless given.
    #[arg(long, value_name = "PxC")]
    pub(crate) instances: Option<Instances>,
    /// Only cycles of this scenario.
    #[arg(long, value_name = "SCENARIO")]
    pub(crate) only: Option<Scenario>,
    /// The load order group of all services.
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Another driver, loaded before the pair and unloaded after it.
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) with: Vec<Companion>,
    /// What each cycle does, instead of what is drawn for it; open questions
    /// about NMR have their first answer then.
    #[arg(long, value_name = "SCRIPT")]
    pub(crate) script: Option<Script>,
    /// Print what happens in the registrar too.
    #[arg(long)]
    pub(crate) events: bool,
    /// After how many seconds a cycle is taken to hang.
    #[arg(long, default_value_t = 30)]
    pub(crate) patience: u64,
}

impl Arguments {
    /// What the cycles may be.
    pub(crate) fn wanted(&self) -> CycleFilter {
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

/// Whose kernel runs the drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kernel {
    /// Windows': programs use drivers that come and go.
    Windows,
    /// Wine's, which unmaps an image under its requests: they use drivers that stay.
    Wine,
}

/// How a driver comes and goes.
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
    /// As reports name it.
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
