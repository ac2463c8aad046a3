// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control device as the framework has it, and the requests that come to it.
//! `provider.sys` has the same; `device` is that of WDM.
//!
//! It has the name of the driver's service, so that a second instance has
//! another. Its handles hold the driver: `EvtDriverUnload` is called after the
//! last of them is closed, and the framework deletes the device after that.
//!
//! `DriverUnload` is the framework's, and not for a driver to take away: nobody
//! can hold this one by an unload gate, and `HOLD_UNLOAD` answers
//! `STATUS_DEVICE_NOT_READY`.

use kmdf::abi::{WDFDEVICE, WDFFILEOBJECT, WDFQUEUE, WDFREQUEST};
use kmdf::{ContextType, ControlDevice, Driver, Framework, Request};
use nmr::irql::PassiveLevel;
use nmr::{NtStatus, Result};
use shared_npi::control::{self, Buffer, Session};
use shared_npi::unload_gate::UnloadGate;
use wdk_sys::PCUNICODE_STRING;

use crate::control::Control;
use crate::name::Name;

/// Lets the system and administrators in, and nobody else.
const ADMINISTRATORS: &[u8] = b"D:P(A;;GA;;;SY)(A;;GA;;;BA)";

/// The gate of no driver.
static UNLOAD_GATE: UnloadGate<()> = UnloadGate::new();

/// What belongs to a handle.
static SESSION: ContextType<Session> = ContextType::new(c"Session");

/// Proof that the device can be opened. The framework deletes it.
pub(crate) struct Device(());

impl Device {
    /// Creates the device of a driver, which nobody can open yet.
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfcontrol/nf-wdfcontrol-wdfcontroldeviceinitallocate>
    ///
    /// # Errors
    ///
    /// `STATUS_NAME_TOO_LONG` for a service whose name is, and what the framework
    /// answers.
    ///
    /// # Safety
    ///
    /// Called once, in `DriverEntry`, with its path.
    pub(crate) unsafe fn create(
        driver: Driver<'_>,
        registry_path: PCUNICODE_STRING,
    ) -> Result<ControlDevice<'_>> {
        // SAFETY: the path is that of the I/O manager.
        let mut name = unsafe { Name::of_service(b"\\Device\\", registry_path) }?;
        // SAFETY: as above.
        let mut link = unsafe { Name::of_service(b"\\DosDevices\\", registry_path) }?;
        let mut device = driver.control_device(&Name::new(ADMINISTRATORS)?.unicode())?;
        device.assign_name(&name.unicode())?;
        // SAFETY: both are the image's, which outlives the device.
        unsafe { device.set_files(&SESSION, create, close) };
        let device = device.create()?;
        device.link(&link.unicode())?;
        // SAFETY: it is the image's, which outlives the device.
        unsafe { device.present(device_control) }?;
        Ok(device)
    }

    /// Lets programs open the device. IRQL = `PASSIVE_LEVEL`.
    pub(crate) fn open(device: ControlDevice<'_>) -> Self {
        device.finish();
        Self(())
    }
}

/// `EvtDeviceFileCreate`: a handle is opened. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the framework.
unsafe extern "C" fn create(_device: WDFDEVICE, request: WDFREQUEST, file: WDFFILEOBJECT) {
    // SAFETY: this is a callback of the framework's.
    let framework = unsafe { Framework::bound() };
    // SAFETY: the framework passes a request.
    let request = unsafe { Request::new(request, framework) };
    // SAFETY: the framework passes a file.
    let session = unsafe { SESSION.of_file(framework, file) };
    // SAFETY: the files of the device have such a context.
    unsafe { session.write(Session::new()) };
    request.complete(NtStatus::SUCCESS, 0);
}

/// `EvtFileClose`: nothing is under way through the file any more, and the driver
/// may be unloaded as soon as this has returned. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the framework.
unsafe extern "C" fn close(file: WDFFILEOBJECT) {
    // SAFETY: this is a callback of the framework's.
    let framework = unsafe { Framework::bound() };
    // SAFETY: the framework passes a file.
    let session = unsafe { SESSION.of_file(framework, file) };
    // SAFETY: the files of the device have such a context, written in `create`.
    unsafe { &*session }.end(&UNLOAD_GATE);
}

/// `EvtIoDeviceControl`, in the thread that asks. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the framework.
unsafe extern "C" fn device_control(
    _queue: WDFQUEUE,
    request: WDFREQUEST,
    output: usize,
    input: usize,
    code: u32,
) {
    const METHOD: u32 = 3;
    // SAFETY: this is a callback of the framework's.
    let framework = unsafe { Framework::bound() };
    // SAFETY: the framework passes a request.
    let mut request = unsafe { Request::new(request, framework) };
    // SAFETY: the queue has asked for this level.
    let passive = unsafe { PassiveLevel::assume() };
    let Some(file) = request.file() else {
        request.complete(NtStatus::INVALID_DEVICE_REQUEST, 0);
        return;
    };
    // SAFETY: the file is there as long as the request.
    let session = unsafe { SESSION.of_file(framework, file) };
    // SAFETY: the files of the device have such a context, and `close` comes after
    // this.
    let session = unsafe { &*session };
    let bytes = match code & METHOD {
        // SAFETY: 0 is `METHOD_BUFFERED`.
        0 => unsafe { request.buffer(input, output) },
        // The code is unknown.
        _ => Default::default(),
    };
    // SAFETY: the framework has copied the input there.
    let buffer = unsafe { Buffer::new(bytes, input, output) };
    // SAFETY: the request came through this session's handle, which `close` ends.
    let (status, length) =
        unsafe { control::handle(code, buffer, &Control, session, &UNLOAD_GATE, &passive) };
    request.complete(status, length);
}
