// SPDX-License-Identifier: MIT OR Apache-2.0

//! How drivers come and go.

use std::fmt;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use channel::loader::{DEVICE, LOAD, UNLOAD};
use scenarios::{Change, Counts, Refusal};
use windows_sys::Wdk::System::SystemServices::{NtLoadDriver, NtUnloadDriver};
use windows_sys::Win32::Foundation::{
    NTSTATUS, STATUS_IMAGE_ALREADY_LOADED, STATUS_INVALID_DEVICE_REQUEST, STATUS_NOT_IMPLEMENTED,
    UNICODE_STRING,
};

use crate::arguments::Mechanism;
use crate::device::Device;
use crate::service::Service;

/// So long a driver may stay that is to go, or forbid that.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it is left alone then.
const PAUSE: Duration = Duration::from_micros(100);

/// Why a driver did not come or go.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever was asked.
    System(io::Error),
    /// The kernel or the driver, with this status.
    Status(NTSTATUS),
}

impl Failure {
    /// Whether it is one for now only: the driver forbids its unloading, or one that
    /// was to go has not gone yet.
    fn is_for_now(&self, what: Change) -> bool {
        let known = match what {
            Change::Load => STATUS_IMAGE_ALREADY_LOADED,
            Change::Unload => STATUS_INVALID_DEVICE_REQUEST,
        };
        match self {
            Self::System(_) => self.refusal(what).is_some(),
            Self::Status(status) => *status == known,
        }
    }

    /// What the service control manager said if it is.
    fn refusal(&self, what: Change) -> Option<Refusal> {
        let Self::System(error) = self else {
            return None;
        };
        let code = error.raw_os_error()?.cast_unsigned();
        let known: &[Refusal] = match what {
            Change::Load => &[Refusal::AlreadyRunning],
            Change::Unload => &Refusal::HELD,
        };
        known.iter().copied().find(|known| known.code() == code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => error.fmt(f),
            Self::Status(status) => write!(f, "status {status:#010x}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Lets the driver of `service` come or go, and asks again where that is refused
/// for now.
pub(crate) fn change(
    by: Mechanism,
    what: Change,
    service: &Service,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let started = Instant::now();
    loop {
        let failure = match once(by, what, service) {
            Err(failure) if failure.is_for_now(what) && started.elapsed() < PATIENCE => failure,
            answer => return answer,
        };
        counts.gate_refusals += u64::from(what == Change::Unload);
        if let Some(refusal) = failure.refusal(what) {
            counts.refuse(refusal);
        }
        thread::sleep(PAUSE);
    }
}

fn once(by: Mechanism, what: Change, service: &Service) -> Result<(), Failure> {
    match by {
        Mechanism::Scm => Ok(match what {
            Change::Load => service.start(),
            Change::Unload => service.stop(),
        }?),
        Mechanism::Nt => native(what, service.name()),
        Mechanism::Loader => by_driver(what, service),
    }
}

fn native(what: Change, name: &str) -> Result<(), Failure> {
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

fn by_driver(what: Change, service: &Service) -> Result<(), Failure> {
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

const fn checked(status: NTSTATUS) -> Result<(), Failure> {
    if status < 0 {
        return Err(Failure::Status(status));
    }
    Ok(())
}
