// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kinds of cycles, defined once for every tier.

use std::fmt;
use std::str::FromStr;

/// The tier that runs cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The simulated kernel.
    Sim,
    /// Wine's kernel.
    Wine,
    /// Windows itself.
    Windows,
}

/// A kind of cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// One provider and one client in one of the orders.
    Paired,
    /// Several of one or of both.
    Instances,
    /// Two edges race.
    Races,
    /// Programs keep the drivers loaded.
    Handles,
    /// A part of a driver comes and goes.
    Switching,
    /// A driver forbids its unloading.
    Gate,
    /// A `DriverEntry` fails.
    FailedEntry,
    /// Services are restarted, disabled and deleted while their drivers are loaded.
    Services,
    /// The machine shuts down while drivers are loaded.
    Shutdown,
    /// A driver is for the driver framework, or both are.
    Models,
    /// A driver is in C, or both are.
    Interop,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Paired,
        Self::Instances,
        Self::Races,
        Self::Handles,
        Self::Switching,
        Self::Gate,
        Self::FailedEntry,
        Self::Services,
        Self::Shutdown,
        Self::Models,
        Self::Interop,
    ];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paired => "paired",
            Self::Instances => "instances",
            Self::Races => "races",
            Self::Handles => "handles",
            Self::Switching => "switching",
            Self::Gate => "gate",
            Self::FailedEntry => "failed-entry",
            Self::Services => "services",
            Self::Shutdown => "shutdown",
            Self::Models => "models",
            Self::Interop => "interop",
        }
    }

    /// What happens in it, in a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Paired => {
                "Both drivers come and go once, or one of them twice, in one of fifteen orders."
            }
            Self::Instances => {
                "Each image is loaded several times, and all of them come and go in groups."
            }
            Self::Races => "Two steps of the drivers are made to race, each two that can in turn.",
            Self::Handles => {
                "Programs load a driver when the first of them opens it, and stop it when the last \
                 one closes it."
            }
            Self::Switching => {
                "A part of a driver is switched off and on while the drivers come and go."
            }
            Self::Gate => "A driver forbids its unloading for a while, and is stopped meanwhile.",
            Self::FailedEntry => {
                "A call fails in a DriverEntry, which must undo what it has done, and the driver is \
                 loaded again."
            }
            Self::Services => {
                "A driver's load is requested while it unloads; services are disabled and deleted \
                 while their drivers are loaded, and a second service has the same file."
            }
            Self::Shutdown => {
                "The machine shuts down while drivers are loaded, or being loaded or unloaded."
            }
            Self::Models => {
                "The provider, the client or both are for the driver framework: WDF with WDM and \
                 WDF with WDF, come and go, or switch a part of theirs."
            }
            Self::Interop => {
                "The provider, the client or both are in C: C with Rust and C with C, come and go."
            }
        }
    }

    /// Returns `true` if drivers only make transitions that are possible if
    /// nothing fails.
    #[must_use]
    pub const fn keeps_to_model(self) -> bool {
        !matches!(self, Self::FailedEntry)
    }

    /// Returns `true` if cycles of this kind can be drawn there.
    #[must_use]
    pub const fn is_on(self, tier: Tier) -> bool {
        match tier {
            Tier::Sim => true,
            // It unloads without regard to open handles, no call fails there, and it
            // has no framework. The services of a run are its own, and stay.
            Tier::Wine => !matches!(
                self,
                Self::Gate
                    | Self::FailedEntry
                    | Self::Services
                    | Self::Shutdown
                    | Self::Models
                    | Self::Interop
            ),
            // No call fails there, either, and a run has one pair of images.
            Tier::Windows => !matches!(
                self,
                Self::FailedEntry | Self::Services | Self::Shutdown | Self::Models | Self::Interop
            ),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is no scenario: choose one of {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.to_string().parse(), Ok(scenario));
            assert!(scenario.sentence().ends_with('.'), "{scenario}");
            assert!(scenario.is_on(Tier::Sim), "{scenario}");
        }
        let error = "pairs".parse::<Scenario>().expect_err("no scenario");
        assert!(error.contains("`pairs`") && error.contains("failed-entry"));
    }
}
