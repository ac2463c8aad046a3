// SPDX-License-Identifier: MIT OR Apache-2.0

//! Loads and unloads drivers, by each mechanism.

use std::fmt;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use channel::loader::{DEVICE, LOAD, UNLOAD};
use scenarios::{Counts, Refusal, Service as State};
use windows_sys::Wdk::System::SystemServices::{NtLoadDriver, NtUnloadDriver};
use windows_sys::Win32::Foundation::{
    NTSTATUS, STATUS_IMAGE_ALREADY_LOADED, STATUS_INVALID_DEVICE_REQUEST, STATUS_NOT_IMPLEMENTED,
    UNICODE_STRING,
};

use crate::arguments::Mechanism;
use crate::device::Device;
use crate::service::Service;

/// Timeout of retries while a load or unload is refused.
const PATIENCE: Duration = Duration::from_secs(10);

/// Interval of retries.
const PAUSE: Duration = Duration::from_micros(100);

/// A request to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// To load a driver.
    Load,
    /// To unload it.
    Unload,
}

/// A failed load or unload.
#[derive(Debug)]
pub(crate) enum ChangeFailure {
    /// An error of the system.
    System(io::Error),
    /// A status of the kernel or the driver.
    Status(NTSTATUS),
}

impl ChangeFailure {
    /// Returns `true` if it is temporary: the driver refuses its unload, or has not been
    /// unloaded yet.
    fn is_temporary(&self, what: Request) -> bool {
        let known = match what {
            Request::Load => STATUS_IMAGE_ALREADY_LOADED,
            Request::Unload => STATUS_INVALID_DEVICE_REQUEST,
        };
        match self {
            Self::System(_) => self.refusal(what).is_some(),
            Self::Status(status) => *status == known,
        }
    }

    /// The refusal of the service control manager, if it is one.
    fn refusal(&self, what: Request) -> Option<Refusal> {
        let Self::System(error) = self else {
            return None;
        };
        let code = error.raw_os_error()?.cast_unsigned();
        let known: &[Refusal] = match what {
            Request::Load => &[Refusal::AlreadyRunning],
            Request::Unload => &Refusal::HELD,
        };
        known.iter().copied().find(|known| known.code() == code)
    }
}

impl fmt::Display for ChangeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => error.fmt(f),
            Self::Status(status) => write!(f, "status {status:#010x}"),
        }
    }
}

impl From<io::Error> for ChangeFailure {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Loads or unloads the driver of `service`, and retries after a temporary failure, such as
/// a load during an unload.
pub(crate) fn change(
    by: Mechanism,
    what: Request,
    service: &Service,
    counts: &mut Counts,
) -> Result<(), ChangeFailure> {
    let started = Instant::now();
    loop {
        let failure = match try_once(by, what, service) {
            Err(failure) if failure.is_temporary(what) && started.elapsed() < PATIENCE => failure,
            answer => return answer,
        };
        counts.gate_refusals += u64::from(what == Request::Unload);
        if what == Request::Load && by == Mechanism::Scm && service.state()? == State::StopPending {
            // Makes the service control manager look whether the driver has gone.
            let _ = service.has_stopped();
        }
        if let Some(refusal) = failure.refusal(what) {
            counts.refuse(refusal);
        }
        thread::sleep(PAUSE);
    }
}

fn try_once(by: Mechanism, what: Request, service: &Service) -> Result<(), ChangeFailure> {
    match by {
        Mechanism::Scm => Ok(match what {
            Request::Load => service.start(),
            Request::Unload => service.stop(),
        }?),
        Mechanism::Nt => by_system_call(what, service.name()),
        Mechanism::Loader => by_driver(what, service),
    }
}

fn by_system_call(what: Request, name: &str) -> Result<(), ChangeFailure> {
    checked(call_kernel(what, name)?)
}

/// Calls `NtLoadDriver` or `NtUnloadDriver`, and returns its status.
fn call_kernel(what: Request, name: &str) -> io::Result<NTSTATUS> {
    let path = format!(r"\Registry\Machine\System\CurrentControlSet\Services\{name}");
    let path: Vec<u16> = path.encode_utf16().collect();
    let bytes = u16::try_from(2 * path.len()).map_err(io::Error::other)?;
    let path = UNICODE_STRING {
        Length: bytes,
        MaximumLength: bytes,
        Buffer: path.as_ptr().cast_mut(),
    };
    // SAFETY: both functions only read the string, which outlives the call.
    Ok(unsafe {
        match what {
            Request::Load => NtLoadDriver(&raw const path),
            Request::Unload => NtUnloadDriver(&raw const path),
        }
    })
}

/// Returns `true` if this kernel has the mechanism.
pub(crate) fn is_available(by: Mechanism) -> io::Result<bool> {
    /// A name that no service has.
    const NO_SERVICE: &str = "NmrStressNobody";
    match by {
        Mechanism::Scm => Ok(true),
        Mechanism::Nt => Ok(call_kernel(Request::Load, NO_SERVICE)? != STATUS_NOT_IMPLEMENTED),
        Mechanism::Loader => match Device::open(DEVICE) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        },
    }
}

fn by_driver(what: Request, service: &Service) -> Result<(), ChangeFailure> {
    let code = match what {
        Request::Load => LOAD,
        Request::Unload => UNLOAD,
    };
    let name = service.name().encode_utf16();
    let name: Vec<u8> = name.flat_map(u16::to_ne_bytes).collect();
    let mut status = [0; size_of::<NTSTATUS>()];
    let answered = service.loader()?.request(code, &name, &mut status)?;
    if answered != status.len() {
        return Err(io::Error::other("the loader's answer is too short").into());
    }
    checked(NTSTATUS::from_ne_bytes(status))
}

const fn checked(status: NTSTATUS) -> Result<(), ChangeFailure> {
    if status < 0 {
        return Err(ChangeFailure::Status(status));
    }
    Ok(())
}
