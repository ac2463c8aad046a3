// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control device: the control interface of the crate `wdm`, served by a device
//! of the framework.
//!
//! It has the name of the driver's service, so that two services with the same image each have
//! a device. An open handle delays the unload: `EvtDriverUnload` is called after the last handle
//! is closed, and then the framework deletes the device.
//!
//! The framework owns `DriverUnload`, which the driver must not change. So no hold can block the
//! unload, and `HOLD_UNLOAD` returns `STATUS_DEVICE_NOT_READY`.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use nmr::irql::WaitAllowed;
use nmr::{NtStatus, Result};
use wdm::control::{self, Buffer, Controlled};
use wdm::name::Name;
use wdm::registry_path::RegistryPath;
use wdm::unload_gate::UnloadGate;

use crate::abi::{WDFDEVICE, WDFFILEOBJECT, WDFQUEUE, WDFREQUEST};
use crate::context::ContextType;
use crate::device::ControlDevice;
use crate::framework::{DriverObject, Framework};
use crate::request::Request;

/// An SDDL string that grants all access to the system and to administrators, and
/// none to others.
const ADMINISTRATORS: &str = "D:P(A;;GA;;;SY)(A;;GA;;;BA)";

/// A gate that guards no driver.
static UNLOAD_GATE: UnloadGate<()> = UnloadGate::new();

/// The session of one file.
type Session = control::Session<'static, ()>;

/// The context of a file.
static SESSION: ContextType<Session> = ContextType::new(c"Session");

/// The control device that has been created and not yet finished, or null.
static UNFINISHED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Creates the control device of the driver, which cannot be opened before
/// [`finish`]. IRQL = `PASSIVE_LEVEL`.
///
/// # Errors
///
/// `STATUS_NAME_TOO_LONG` if the name of the service is too long,
/// `STATUS_DEVICE_BUSY` if there is a control device already, or the framework's
/// status.
pub(crate) fn create<C: Controlled>(
    driver: DriverObject<'_>,
    registry_path: RegistryPath<'_>,
) -> Result {
    if !UNFINISHED.load(Ordering::Relaxed).is_null() {
        return Err(NtStatus::DEVICE_BUSY);
    }
    let name = Name::of_service(r"\Device\", registry_path.units())?;
    let link = Name::of_service(r"\DosDevices\", registry_path.units())?;
    let mut device = driver.control_device(&Name::new(ADMINISTRATORS)?)?;
    device.assign_name(&name)?;
    // SAFETY: both callbacks are in this image, which the framework outlives with no
    // device of the driver left.
    unsafe { device.set_files(&SESSION, file_create, file_close) };
    let device = device.create()?;
    device.link(&link)?;
    // SAFETY: the callback is in this image, which the framework outlives with no
    // device of the driver left.
    unsafe { device.present(device_control::<C>) }?;
    UNFINISHED.store(device.into_handle(), Ordering::Relaxed);
    Ok(())
}

/// Finishes the control device, if there is one: it can then be opened.
/// IRQL = `PASSIVE_LEVEL`.
pub(crate) fn finish(framework: Framework<'_>) {
    let device = UNFINISHED.swap(ptr::null_mut(), Ordering::Relaxed);
    if !device.is_null() {
        // SAFETY: `create` stored the handle, and the swap has removed it.
        unsafe { ControlDevice::from_handle(device, framework) }.finish();
    }
}

/// `EvtDeviceFileCreate`: opens a session. IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfdevice/nc-wdfdevice-evt_wdf_device_file_create>
///
/// # Safety
///
/// Called by the framework.
unsafe extern "C" fn file_create(_device: WDFDEVICE, request: WDFREQUEST, file: WDFFILEOBJECT) {
    // SAFETY: the image is bound, because this is a callback of the framework.
    let framework = unsafe { Framework::bound() };
    // SAFETY: the framework passes the request to this callback alone.
    let request = unsafe { Request::new(request, framework) };
    // SAFETY: the framework passes a valid file.
    let session = unsafe { SESSION.of_file(framework, file) };
    // SAFETY: `create` has asked for a context of this type in every file of the
    // device, and nothing has used it yet.
    unsafe { session.write(Session::new(&UNLOAD_GATE)) };
    request.complete(NtStatus::SUCCESS, 0);
}

/// `EvtFileClose`: ends the session. No request through the file is in progress, and
/// the driver may be unloaded as soon as this has returned. IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfdevice/nc-wdfdevice-evt_wdf_file_close>
///
/// # Safety
///
/// Called by the framework.
unsafe extern "C" fn file_close(file: WDFFILEOBJECT) {
    // SAFETY: the image is bound, because this is a callback of the framework.
    let framework = unsafe { Framework::bound() };
    // SAFETY: the framework passes a valid file.
    let session = unsafe { SESSION.of_file(framework, file) };
    // SAFETY: `file_create` has written the session; a file is closed once, after the
    // last request through it.
    unsafe { session.drop_in_place() };
}

/// `EvtIoDeviceControl`: handles a control request in the caller's thread.
/// IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfio/nc-wdfio-evt_wdf_io_queue_io_device_control>
///
/// # Safety
///
/// Called by the framework.
unsafe extern "C" fn device_control<C: Controlled>(
    _queue: WDFQUEUE,
    request: WDFREQUEST,
    output: usize,
    input: usize,
    code: u32,
) {
    // SAFETY: the image is bound, because this is a callback of the framework.
    let framework = unsafe { Framework::bound() };
    // SAFETY: the framework passes the request to this callback alone.
    let mut request = unsafe { Request::new(request, framework) };
    let Some(file) = request.file() else {
        request.complete(NtStatus::INVALID_DEVICE_REQUEST, 0);
        return;
    };
    // SAFETY: the queue's execution level is `PASSIVE_LEVEL`; the request runs in the
    // thread of a program or in the framework's, in which no callback of NMR's runs.
    let wait = unsafe { WaitAllowed::assume() };
    // SAFETY: the file stays valid until the request is completed.
    let session = unsafe { SESSION.of_file(framework, file) };
    // SAFETY: `file_create` has written the session, and `file_close` drops it after
    // this request.
    let session = unsafe { &*session };
    let bytes = if control::is_buffered(code) {
        // SAFETY: the framework passes a control request with its lengths, and its
        // code states `METHOD_BUFFERED`.
        unsafe { request.buffer(input, output) }
    } else {
        Default::default()
    };
    // SAFETY: the framework has the input copied into the buffer.
    let buffer = unsafe { Buffer::new(bytes, input, output) };
    // SAFETY: the request came through the file of this session, which `file_close`
    // drops.
    let (status, length) = unsafe { control::handle::<C, _>(code, buffer, session, &wait) };
    request.complete(status, length);
}
