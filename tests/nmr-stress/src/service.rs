// SPDX-License-Identifier: MIT OR Apache-2.0

//! Kernel drivers as services.

use std::io;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use channel::loader::DEVICE;
use scenarios::{Refusal, Service as State};
use windows_sys::Win32::Foundation::ERROR_SERVICE_EXISTS;
use windows_sys::Win32::System::Services::{
    ChangeServiceConfigW, CloseServiceHandle, ControlService, CreateServiceW, DeleteService,
    OpenSCManagerW, OpenServiceW, QueryServiceStatus, SC_HANDLE, SC_MANAGER_ALL_ACCESS,
    SERVICE_ALL_ACCESS, SERVICE_CONTROL_STOP, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL,
    SERVICE_KERNEL_DRIVER, SERVICE_RUNNING, SERVICE_START_PENDING, SERVICE_STATUS,
    SERVICE_STOP_PENDING, SERVICE_STOPPED, StartServiceW,
};

use crate::device::Device;
use crate::wide::wide;

/// Timeout for the start of the service control manager.
const PATIENCE: Duration = Duration::from_secs(10);

const SERVICE_EXISTS: i32 = ERROR_SERVICE_EXISTS.cast_signed();

/// A handle of the service control manager.
///
/// # Invariants
///
/// It is open until the value is dropped.
#[derive(Debug)]
struct Handle(SC_HANDLE);

// SAFETY: these handles may be used on any thread.
unsafe impl Send for Handle {}
// SAFETY: these handles may be used on several threads at a time.
unsafe impl Sync for Handle {}

impl Handle {
    fn new(handle: SC_HANDLE) -> io::Result<Self> {
        if handle.is_null() {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(handle))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: by the invariant the handle is open; nothing uses it after the drop.
        unsafe { CloseServiceHandle(self.0) };
    }
}

/// The service control manager.
#[derive(Debug)]
pub(crate) struct Manager(Handle);

impl Manager {
    /// Opens it, once it is there: a machine may be just starting.
    pub(crate) fn open() -> io::Result<Self> {
        /// `RPC_S_SERVER_UNAVAILABLE`.
        const UNAVAILABLE: i32 = 1722;
        let started = Instant::now();
        loop {
            // SAFETY: null names this machine and its only database.
            let handle = unsafe { OpenSCManagerW(ptr::null(), ptr::null(), SC_MANAGER_ALL_ACCESS) };
            match Handle::new(handle) {
                Err(error)
                    if error.raw_os_error() == Some(UNAVAILABLE)
                        && started.elapsed() < PATIENCE =>
                {
                    thread::sleep(PATIENCE / 100);
                }
                opened => return opened.map(Self),
            }
        }
    }

    /// Makes the service of a driver that is started on demand, or takes over
    /// the one that a run left behind when its kernel died.
    pub(crate) fn create(
        &self,
        name: &str,
        image: &Path,
        group: Option<&str>,
    ) -> io::Result<Service> {
        let wide_name = wide(name);
        let image = wide(image);
        let group = group.map(wide);
        let group = group.as_ref().map_or(ptr::null(), Vec::as_ptr);
        // SAFETY: the strings are NUL-terminated and outlive the call.
        let handle = unsafe {
            CreateServiceW(
                self.0.0,
                wide_name.as_ptr(),
                wide_name.as_ptr(),
                SERVICE_ALL_ACCESS,
                SERVICE_KERNEL_DRIVER,
                SERVICE_DEMAND_START,
                SERVICE_ERROR_NORMAL,
                image.as_ptr(),
                group,
                ptr::null_mut(),
                ptr::null(),
                ptr::null(),
                ptr::null(),
            )
        };
        let service = |handle| Service {
            name: name.to_owned(),
            handle,
            loader: OnceLock::new(),
        };
        match Handle::new(handle) {
            Ok(handle) => Ok(service(handle)),
            Err(error) if error.raw_os_error() == Some(SERVICE_EXISTS) => {
                // SAFETY: the name is NUL-terminated.
                let handle =
                    unsafe { OpenServiceW(self.0.0, wide_name.as_ptr(), SERVICE_ALL_ACCESS) };
                let handle = Handle::new(handle)?;
                // SAFETY: the strings are NUL-terminated; null means no change.
                succeeded(unsafe {
                    ChangeServiceConfigW(
                        handle.0,
                        SERVICE_KERNEL_DRIVER,
                        SERVICE_DEMAND_START,
                        SERVICE_ERROR_NORMAL,
                        image.as_ptr(),
                        group,
                        ptr::null_mut(),
                        ptr::null(),
                        ptr::null(),
                        ptr::null(),
                        ptr::null(),
                    )
                })?;
                Ok(service(handle))
            }
            Err(error) => Err(error),
        }
    }
}

/// A service; on drop it is deleted.
#[derive(Debug)]
pub(crate) struct Service {
    name: String,
    handle: Handle,
    /// The loader's device, opened at the first use. Each service has its own handle:
    /// requests of one handle are serialised.
    loader: OnceLock<Device>,
}

impl Service {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The loader's device for this driver.
    pub(crate) fn loader(&self) -> io::Result<&Device> {
        if let Some(device) = self.loader.get() {
            return Ok(device);
        }
        let device = Device::open(DEVICE)?;
        Ok(self.loader.get_or_init(|| device))
    }

    pub(crate) fn start(&self) -> io::Result<()> {
        // SAFETY: the handle is open, and there are no arguments.
        succeeded(unsafe { StartServiceW(self.handle.0, 0, ptr::null()) })
    }

    pub(crate) fn stop(&self) -> io::Result<()> {
        let mut status = SERVICE_STATUS::default();
        // SAFETY: the handle is open, and the status may be written.
        succeeded(unsafe { ControlService(self.handle.0, SERVICE_CONTROL_STOP, &raw mut status) })
    }

    pub(crate) fn state(&self) -> io::Result<State> {
        let mut status = SERVICE_STATUS::default();
        // SAFETY: the handle is open, and the status may be written.
        succeeded(unsafe { QueryServiceStatus(self.handle.0, &raw mut status) })?;
        match status.dwCurrentState {
            SERVICE_STOPPED => Ok(State::Stopped),
            SERVICE_START_PENDING => Ok(State::StartPending),
            SERVICE_RUNNING => Ok(State::Running),
            SERVICE_STOP_PENDING => Ok(State::StopPending),
            other => Err(io::Error::other(format!("the service is in state {other}"))),
        }
    }

    /// Returns `true` if its driver was unloaded. The service control manager is not
    /// notified: while it reports a pending stop, another stop makes it poll.
    pub(crate) fn has_stopped(&self) -> io::Result<bool> {
        const NOT_ACTIVE: i32 = Refusal::NotActive.code().cast_signed();
        let stopped = self.state()? == State::Stopped;
        let is_not_active = |error: io::Error| error.raw_os_error() == Some(NOT_ACTIVE);
        Ok(stopped || self.stop().is_err_and(is_not_active))
    }

    /// Requests what must be refused in the state of the service, and returns the refusals.
    pub(crate) fn request_refused(&self) -> io::Result<Vec<Refusal>> {
        let state = self.state()?;
        let start: &dyn Fn() -> io::Result<()> = &|| self.start();
        let stop: &dyn Fn() -> io::Result<()> = &|| self.stop();
        let mut refused = Vec::new();
        for (expected, request) in [(state.start(), start), (state.stop(), stop)] {
            let Err(refusal) = expected else {
                continue;
            };
            let answer = request();
            let code = answer.as_ref().err().and_then(io::Error::raw_os_error);
            if code != Some(refusal.code().cast_signed()) {
                let what = format!("{state:?}: {answer:?} instead of error {refusal}");
                return Err(io::Error::other(what));
            }
            refused.push(refusal);
        }
        Ok(refused)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // SAFETY: the handle is open.
        unsafe { DeleteService(self.handle.0) };
    }
}

fn succeeded(answer: i32) -> io::Result<()> {
    if answer == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
