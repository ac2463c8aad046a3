// SPDX-License-Identifier: MIT OR Apache-2.0

//! The states of a service, and what the service control manager refuses in each.
//!
//! | state | `StartService` | `ControlService`, to stop it |
//! |---|---|---|
//! | stopped | loads the driver | `ERROR_SERVICE_NOT_ACTIVE` |
//! | start pending | `ERROR_SERVICE_ALREADY_RUNNING` | `ERROR_SERVICE_CANNOT_ACCEPT_CTRL` |
//! | running | `ERROR_SERVICE_ALREADY_RUNNING` | unloads the driver |
//! | stop pending | `ERROR_SERVICE_ALREADY_RUNNING` | `ERROR_SERVICE_CANNOT_ACCEPT_CTRL` |
//!
//! This is what [MS-SCMR] says of `RStartServiceW` and `RControlService`. A stopped service that
//! is disabled is not started either (`ERROR_SERVICE_DISABLED`). A deleted service exists until
//! its driver has been unloaded; until then another deletion is refused
//! (`ERROR_SERVICE_MARKED_FOR_DELETE`). The kernel maps a file once, so that starting a second
//! service with the same file is refused like a second start of the first. While the machine
//! shuts down, both requests are refused (`ERROR_SHUTDOWN_IN_PROGRESS`). If a driver cannot be
//! unloaded now, `NtUnloadDriver` returns `STATUS_INVALID_DEVICE_REQUEST`. No document says to
//! which error the manager converts that: see [`Refusal::HELD`].
//!
//! [MS-SCMR]: https://learn.microsoft.com/openspecs/windows_protocols/ms-scmr/

use std::fmt;

/// The state of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    /// Its driver is not there.
    #[default]
    Stopped,
    /// Its `DriverEntry` runs.
    StartPending,
    /// Its driver is there.
    Running,
    /// Its driver is to go, and has not gone.
    StopPending,
}

impl Service {
    /// The answer to `StartService`.
    ///
    /// # Errors
    ///
    /// It is refused.
    pub const fn start(self) -> Result<(), Refusal> {
        match self {
            Self::Stopped => Ok(()),
            _ => Err(Refusal::AlreadyRunning),
        }
    }

    /// The answer to `ControlService` with a stop request.
    ///
    /// # Errors
    ///
    /// It is refused.
    pub const fn stop(self) -> Result<(), Refusal> {
        match self {
            Self::Running => Ok(()),
            Self::Stopped => Err(Refusal::NotActive),
            Self::StartPending | Self::StopPending => Err(Refusal::CannotAcceptControl),
        }
    }
}

/// How the service control manager refuses something: a Win32 error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `ERROR_INVALID_FUNCTION`.
    InvalidFunction = 1,
    /// `ERROR_INVALID_SERVICE_CONTROL`.
    InvalidServiceControl = 1052,
    /// `ERROR_SERVICE_ALREADY_RUNNING`.
    AlreadyRunning = 1056,
    /// `ERROR_SERVICE_DISABLED`.
    Disabled = 1058,
    /// `ERROR_SERVICE_CANNOT_ACCEPT_CTRL`.
    CannotAcceptControl = 1061,
    /// `ERROR_SERVICE_NOT_ACTIVE`.
    NotActive = 1062,
    /// `ERROR_SERVICE_MARKED_FOR_DELETE`.
    MarkedForDelete = 1072,
    /// `ERROR_SHUTDOWN_IN_PROGRESS`.
    ShutdownInProgress = 1115,
}

impl Refusal {
    /// What the stop of a driver may be answered with that may not go now: that the
    /// control is "unacceptable to the service", which is what users of drivers
    /// without `DriverUnload` report, or the error that `RtlNtStatusToDosError` makes
    /// of the status.
    pub const HELD: [Self; 2] = [Self::InvalidServiceControl, Self::InvalidFunction];

    /// The number of the error.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }
}

/// The number.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_refuses_what_its_documents_say() {
        use Service::{Running, StartPending, StopPending, Stopped};
        let answers = |service: Service| {
            [service.start(), service.stop()].map(|answer| answer.map_err(Refusal::code))
        };
        assert_eq!(answers(Stopped), [Ok(()), Err(1062)]);
        assert_eq!(answers(StartPending), [Err(1056), Err(1061)]);
        assert_eq!(answers(Running), [Err(1056), Ok(())]);
        assert_eq!(answers(StopPending), [Err(1056), Err(1061)]);
    }
}
