// SPDX-License-Identifier: MIT OR Apache-2.0

//! How drivers come and go.

use std::fmt;
use std::io;

use channel::loader::{DEVICE, LOAD, UNLOAD};
use scenarios::Change;
use windows_sys::Wdk::System::SystemServices::{NtLoadDriver, NtUnloadDriver};
use windows_sys::Win32::Foundation::{NTSTATUS, STATUS_NOT_IMPLEMENTED, UNICODE_STRING};

use crate::arguments::Mechanism;
use crate::device::Device;
use crate::service::Service;

/// Why a driver did not come or go.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Whoever was asked.
    System(io::Error),
    /// The kernel or the driver, with this status.
    Status(NTSTATUS),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => error.fmt(f),
            Self::Status(status) => write!(f, "status {status:#010x}"),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Lets the driver of `service` come or go, and returns when it has.
pub(crate) fn change(by: Mechanism, what: Change, service: &Service) -> Result<(), Refusal> {
    match by {
        Mechanism::Scm => Ok(match what {
            Change::Load => service.start(),
            Change::Unload => service.stop(),
        }?),
        Mechanism::Nt => native(what, service.name()),
        Mechanism::Loader => by_driver(what, service),
    }
}

fn native(what: Change, name: &str) -> Result<(), Refusal> {
    checked(ask_kernel(what, name)?)
}

/// The status of `NtLoadDriver` or `NtUnloadDriver`.
fn ask_kernel(what: Change, name: &str) -> io::Result<NTSTATUS> {
    let path = format!(r"\Registry\Machine\System\CurrentControlSet\Services\{name}");
    let path: Vec<u16> = path.encode_utf16().collect();
    let bytes = u16::try_from(2 * path.len()).map_err(io::Error::other)?;
    let path = UNICODE_STRING {
        Length: bytes,
        MaximumLength: bytes,
        Buffer: path.as_ptr().cast_mut(),
    };
    // SAFETY: both take a readable string.
    Ok(unsafe {
        match what {
            Change::Load => NtLoadDriver(&raw const path),
            Change::Unload => NtUnloadDriver(&raw const path),
        }
    })
}

/// Whether this kernel has the mechanism at all.
pub(crate) fn is_there(by: Mechanism) -> io::Result<bool> {
    /// The name of no service.
    const NOBODY: &str = "NmrStressNobody";
    match by {
        Mechanism::Scm => Ok(true),
        Mechanism::Nt => Ok(ask_kernel(Change::Load, NOBODY)? != STATUS_NOT_IMPLEMENTED),
        Mechanism::Loader => match Device::open(DEVICE) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        },
    }
}

fn by_driver(what: Change, service: &Service) -> Result<(), Refusal> {
    let code = match what {
        Change::Load => LOAD,
        Change::Unload => UNLOAD,
    };
    let name = service.name().encode_utf16();
    let name: Vec<u8> = name.flat_map(u16::to_ne_bytes).collect();
    let mut status = [0; size_of::<NTSTATUS>()];
    let answered = service.loader()?.ask(code, &name, &mut status)?;
    if answered != status.len() {
        return Err(io::Error::other("the loader's answer is too short").into());
    }
    checked(NTSTATUS::from_ne_bytes(status))
}

const fn checked(status: NTSTATUS) -> Result<(), Refusal> {
    if status < 0 {
        return Err(Refusal::Status(status));
    }
    Ok(())
}
