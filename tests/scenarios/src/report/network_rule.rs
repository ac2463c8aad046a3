// SPDX-License-Identifier: MIT OR Apache-2.0

//! The rules of Winsock Kernel for drivers that use it: a finding with the code `WSK6` is a
//! violation of the sixth.

/// A rule of Winsock Kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkRule {
    /// A `WSK_REGISTRATION` is registered and deregistered once.
    Registration,
    /// Each captured NPI is released.
    Capture,
    /// Each socket is closed before `WskDeregister` can return.
    OpenSockets,
    /// A driver deregisters before it is unloaded.
    Unload,
    /// The NPI is captured while its functions are called.
    Provider,
    /// A socket is used until it is closed, once.
    Socket,
    /// No function of a socket is in progress when it is closed.
    Close,
    /// Data indications are released.
    Indications,
    /// A request has an IRP of its own.
    Irps,
    /// The memory of a request stays until its completion.
    Buffers,
    /// Callbacks return what is documented, and do not wait.
    Callbacks,
    /// Address lists and cached security descriptors are given back.
    Objects,
    /// A control operation and a flag have the parameters that their pages demand.
    Parameters,
}

impl NetworkRule {
    /// All of them, `WSK1` first.
    pub const ALL: [Self; 13] = [
        Self::Registration,
        Self::Capture,
        Self::OpenSockets,
        Self::Unload,
        Self::Provider,
        Self::Socket,
        Self::Close,
        Self::Indications,
        Self::Irps,
        Self::Buffers,
        Self::Callbacks,
        Self::Objects,
        Self::Parameters,
    ];

    /// The code of a finding about it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Registration => "WSK1",
            Self::Capture => "WSK2",
            Self::OpenSockets => "WSK3",
            Self::Unload => "WSK4",
            Self::Provider => "WSK5",
            Self::Socket => "WSK6",
            Self::Close => "WSK7",
            Self::Indications => "WSK8",
            Self::Irps => "WSK9",
            Self::Buffers => "WSK10",
            Self::Callbacks => "WSK11",
            Self::Objects => "WSK12",
            Self::Parameters => "WSK13",
        }
    }

    /// The rule of a code, in upper or lower case.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.code().eq_ignore_ascii_case(code))
    }

    /// What a driver must do.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Registration => {
                "For each WskRegister that succeeds there is exactly one WskDeregister with the same WSK_REGISTRATION"
            }
            Self::Capture => {
                "Each WskCaptureProviderNPI that succeeds has one WskReleaseProviderNPI, which WskDeregister waits for"
            }
            Self::OpenSockets => "WskDeregister waits until all sockets of the driver are closed",
            Self::Unload => "A driver deregisters from Winsock Kernel before it is unloaded",
            Self::Provider => {
                "Functions of the provider are called between WskCaptureProviderNPI and WskReleaseProviderNPI"
            }
            Self::Socket => {
                "A socket is closed once, and its functions are those of its category, until it is closed"
            }
            Self::Close => {
                "No call of a function of the socket is in progress when WskCloseSocket is called"
            }
            Self::Indications => {
                "A data indication that a callback keeps is released once, before the socket is closed"
            }
            Self::Irps => {
                "An IRP has a free stack location, and belongs to Winsock Kernel from the call to its completion"
            }
            Self::Buffers => {
                "What the MDLs describe covers the buffer, and stays locked until the IRP is complete"
            }
            Self::Callbacks => {
                "Event callbacks return a documented status and do not wait for Winsock Kernel"
            }
            Self::Objects => {
                "Results of WskGetAddressInfo and cached security descriptors are given back once"
            }
            Self::Parameters => {
                "Control operations and flags have the parameters that they are documented with"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_numbers_in_their_order() {
        for (index, rule) in NetworkRule::ALL.into_iter().enumerate() {
            assert_eq!(rule.code(), format!("WSK{}", index + 1));
            assert_eq!(NetworkRule::of(&rule.code().to_lowercase()), Some(rule));
        }
        for other in ["WSK", "WSK0", "WSK14", "WSK01", "R1"] {
            assert_eq!(NetworkRule::of(other), None, "{other}");
        }
    }
}
