// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tier that runs the pair: the argument of `--on`.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, bail};
use vm::REHEARSAL;

/// A tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// The simulated kernel.
    Sim,
    /// Wine's kernel, on parallel threads.
    Wine,
    /// The machine of this name.
    Vm(String),
}

impl Tier {
    /// Its name in a report.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Wine => "wine",
            Self::Vm(_) => "vm",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim => f.write_str("sim"),
            Self::Wine => f.write_str("wine"),
            Self::Vm(name) => write!(f, "vm:{name}"),
        }
    }
}

impl FromStr for Tier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':').unwrap_or((text, REHEARSAL)) {
            ("sim", _) if text == "sim" => Ok(Self::Sim),
            ("wine", _) if text == "wine" => Ok(Self::Wine),
            ("vm", name) if !name.is_empty() => Ok(Self::Vm(name.to_owned())),
            _ => bail!("use sim, wine, vm or vm:NAME, where NAME is a guest"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_may_be_named() {
        let tier = |text: &str| text.parse::<Tier>().ok();
        assert_eq!(tier("sim"), Some(Tier::Sim));
        assert_eq!(tier("wine"), Some(Tier::Wine));
        assert_eq!(tier("vm"), Some(Tier::Vm(REHEARSAL.to_owned())));
        assert_eq!(tier("vm:lab"), Some(Tier::Vm("lab".to_owned())));
        for wrong in ["", "vm:", "sim:lab", "wine:", "virtual"] {
            assert_eq!(tier(wrong), None, "{wrong}");
        }
    }
}
