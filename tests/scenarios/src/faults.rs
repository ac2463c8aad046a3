// SPDX-License-Identifier: MIT OR Apache-2.0

//! Faults: calls of the kernel and of NMR that fail although nothing is wrong, and
//! callbacks that take a while.

use std::fmt;
use std::str::FromStr;

/// The injected faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Faults {
    /// None.
    #[default]
    None,
    /// One call in some fails, and callbacks are delayed.
    Random,
    /// One in a cycle, each in turn in each order.
    Systematic,
    /// This one.
    One(Fault),
}

/// One call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The callee.
    pub kind: FaultKind,
    /// Its number among these calls, from 1.
    pub number: u64,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Random => f.write_str("random"),
            Self::Systematic => f.write_str("systematic"),
            Self::One(Fault { kind, number }) => write!(f, "{kind}:{number}"),
        }
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let one = || {
            let (kind, number) = name.split_once(':')?;
            let kind = FaultKind::all().find(|it| it.to_string() == kind)?;
            let number = number.parse().ok().filter(|number| *number > 0)?;
            Some(Self::One(Fault { kind, number }))
        };
        match name {
            "none" => Ok(Self::None),
            "random" => Ok(Self::Random),
            "systematic" => Ok(Self::Systematic),
            _ => one().ok_or_else(|| {
                let kinds: Vec<_> = FaultKind::all().map(|kind| kind.to_string()).collect();
                format!(
                    "`{name}` names no faults: choose none, random, systematic or one call, \
                     allocation:7, of {}",
                    kinds.join(", ")
                )
            }),
        }
    }
}

/// What fails or is delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Of pool, a work item.
    Allocation,
    /// A system thread.
    Thread,
    /// `NmrRegister...`.
    Registration,
    /// `NmrClientAttachProvider`.
    Attach,
    /// A device object.
    Device,
    /// A symbolic link.
    Link,
    /// A handle of a device object.
    Handle,
    /// The security of an object.
    Security,
    /// A binding to the driver framework, or one of its objects.
    Framework,
    /// A function of Winsock Kernel.
    Network,
    /// A callback takes a while to begin.
    Before(CallbackKind),
    /// A callback takes a while to return.
    After(CallbackKind),
}

/// A callback of a module's, whose edges may be delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "NMR names them")]
pub enum CallbackKind {
    ClientAttach,
    ClientDetach,
    ClientCleanup,
    ProviderAttach,
    ProviderDetach,
    ProviderCleanup,
}

impl CallbackKind {
    const ALL: [Self; 6] = [
        Self::ClientAttach,
        Self::ClientDetach,
        Self::ClientCleanup,
        Self::ProviderAttach,
        Self::ProviderDetach,
        Self::ProviderCleanup,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::ClientAttach => "client-attach",
            Self::ClientDetach => "client-detach",
            Self::ClientCleanup => "client-cleanup",
            Self::ProviderAttach => "provider-attach",
            Self::ProviderDetach => "provider-detach",
            Self::ProviderCleanup => "provider-cleanup",
        }
    }
}

impl FaultKind {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let calls = [
            Self::Allocation,
            Self::Thread,
            Self::Registration,
            Self::Attach,
            Self::Device,
            Self::Link,
            Self::Handle,
            Self::Security,
            Self::Framework,
            Self::Network,
        ];
        let late = CallbackKind::ALL.map(|it| [Self::Before(it), Self::After(it)]);
        calls.into_iter().chain(late.into_iter().flatten())
    }

    /// Returns `true` if it delays a callback, instead of failing a call.
    #[must_use]
    pub const fn is_late(self) -> bool {
        matches!(self, Self::Before(_) | Self::After(_))
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allocation => f.write_str("allocation"),
            Self::Thread => f.write_str("thread"),
            Self::Registration => f.write_str("registration"),
            Self::Attach => f.write_str("attach"),
            Self::Device => f.write_str("device"),
            Self::Link => f.write_str("link"),
            Self::Handle => f.write_str("handle"),
            Self::Security => f.write_str("security"),
            Self::Framework => f.write_str("framework"),
            Self::Network => f.write_str("network"),
            Self::Before(callback) => write!(f, "before-{}", callback.name()),
            Self::After(callback) => write!(f, "after-{}", callback.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        let ones = FaultKind::all().map(|kind| Faults::One(Fault { kind, number: 7 }));
        let all = [Faults::None, Faults::Random, Faults::Systematic];
        for faults in all.into_iter().chain(ones) {
            assert_eq!(faults.to_string().parse(), Ok(faults));
        }
        for name in ["some", "allocation", "allocation:0", "allocation:x", ":1"] {
            let error = name.parse::<Faults>().expect_err("no faults");
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }
}
