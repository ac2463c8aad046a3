// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control device, and the requests that come to it. `client.sys` has the same,
//! so that either driver can be copied alone.
//!
//! It has the name of the driver's service, so that a second instance has
//! another. Its handles hold the driver: `DriverUnload` is called after the last
//! of them is closed, and no request comes after that.

use alloc::boxed::Box;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::slice;

use nmr::irql::PassiveLevel;
use nmr::memory::try_box;
use nmr::{NtStatus, Result};
use shared_npi::control::{self, Buffer, SecurityDescriptor, Session};
use shared_npi::unload_gate::UnloadGate;
use wdk_sys::_MODE::KernelMode;
use wdk_sys::ntddk::{
    IoCreateDevice, IoCreateSymbolicLink, IoDeleteDevice, IoDeleteSymbolicLink, IofCompleteRequest,
    ObOpenObjectByPointer, ZwClose, ZwSetSecurityObject,
};
use wdk_sys::{
    DACL_SECURITY_INFORMATION, DEVICE_OBJECT, DRIVER_OBJECT, FILE_DEVICE_SECURE_OPEN,
    FILE_DEVICE_UNKNOWN, FILE_OBJECT, IO_STACK_LOCATION, IRP, IRP_MJ_CLEANUP, IRP_MJ_CLOSE,
    IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, KPROCESSOR_MODE, NTSTATUS, OBJ_KERNEL_HANDLE,
    PCUNICODE_STRING, WRITE_DAC,
};

use crate::control::Control;
use crate::name::Name;

/// Who forbids this driver to be unloaded.
static UNLOAD_GATE: UnloadGate<DRIVER_OBJECT> = UnloadGate::new();

/// The device and its name for programs. Dropping it deletes both.
pub(crate) struct Device {
    object: NonNull<DEVICE_OBJECT>,
    link: Option<Name>,
}

// SAFETY: a device object belongs to no thread.
unsafe impl Send for Device {}

impl Device {
    /// Creates the device of a driver. Nobody can open it before `DriverEntry`
    /// has returned. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-iocreatedevice>
    ///
    /// # Errors
    ///
    /// `STATUS_NAME_TOO_LONG` for a service whose name is, and what the kernel
    /// answers; nothing is left then.
    ///
    /// # Safety
    ///
    /// Called once, in `DriverEntry`, with its arguments, after `DriverUnload`
    /// has been set.
    pub(crate) unsafe fn create(
        driver: NonNull<DRIVER_OBJECT>,
        registry_path: PCUNICODE_STRING,
        passive: &PassiveLevel<'_>,
    ) -> Result<Self> {
        let driver = driver.as_ptr();
        // SAFETY: the driver object is this driver's own.
        let unload = unsafe { &raw mut (*driver).DriverUnload };
        // SAFETY: the field lives as long as the driver.
        unsafe { UNLOAD_GATE.guard(unload) };
        // SAFETY: as above; nobody else uses the table before `DriverEntry` has
        // returned.
        let table = unsafe { &mut (*driver).MajorFunction };
        for (major, routine) in [
            (IRP_MJ_CREATE, create as Dispatch),
            (IRP_MJ_CLEANUP, cleanup),
            (IRP_MJ_CLOSE, close),
            (IRP_MJ_DEVICE_CONTROL, device_control),
        ] {
            if let Some(place) = table.get_mut(major as usize) {
                *place = Some(routine);
            }
        }
        // SAFETY: the path is that of the I/O manager.
        let mut name = unsafe { Name::of_service(b"\\Device\\", registry_path) }?;
        // SAFETY: as above.
        let mut link = unsafe { Name::of_service(b"\\DosDevices\\", registry_path) }?;
        let mut object = ptr::null_mut();
        // SAFETY: all pointers live for the call.
        let status = unsafe {
            IoCreateDevice(
                driver,
                0,
                &mut name.unicode(),
                FILE_DEVICE_UNKNOWN,
                FILE_DEVICE_SECURE_OPEN,
                0,
                &raw mut object,
            )
        };
        NtStatus(status).ok()?;
        let object = NonNull::new(object).ok_or(NtStatus::UNSUCCESSFUL)?;
        // From here on dropping it deletes the device.
        let mut device = Self { object, link: None };
        device.protect(passive)?;
        // SAFETY: both names live for the call.
        let status = unsafe { IoCreateSymbolicLink(&mut link.unicode(), &mut name.unicode()) };
        NtStatus(status).ok()?;
        device.link = Some(link);
        Ok(device)
    }

    /// Lets nobody open it but the system and administrators.
    /// IRQL = `PASSIVE_LEVEL`.
    fn protect(&self, _passive: &PassiveLevel<'_>) -> Result {
        const KERNEL_MODE: KPROCESSOR_MODE = {
            assert!(KernelMode == 0);
            0
        };
        let mut handle = ptr::null_mut();
        // SAFETY: the device is there; the out parameter lives for the call.
        let status = unsafe {
            ObOpenObjectByPointer(
                self.object.as_ptr().cast(),
                OBJ_KERNEL_HANDLE,
                ptr::null_mut(),
                WRITE_DAC,
                ptr::null_mut(),
                KERNEL_MODE,
                &raw mut handle,
            )
        };
        NtStatus(status).ok()?;
        let mut descriptor = SecurityDescriptor::ADMINISTRATORS;
        // SAFETY: the handle is open for this; the descriptor lives for the call.
        let status = unsafe {
            ZwSetSecurityObject(
                handle,
                DACL_SECURITY_INFORMATION,
                (&raw mut descriptor).cast(),
            )
        };
        // SAFETY: the handle is closed once. Closing an open handle succeeds.
        let _ = unsafe { ZwClose(handle) };
        NtStatus(status).ok()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(link) = &mut self.link {
            // SAFETY: the link was created, and is deleted once. What was created
            // can be deleted.
            let _ = unsafe { IoDeleteSymbolicLink(&mut link.unicode()) };
        }
        // SAFETY: the device was created, and is deleted once, in `DriverEntry`
        // or `DriverUnload`: no handle is open.
        unsafe { IoDeleteDevice(self.object.as_ptr()) };
    }
}

/// `DRIVER_DISPATCH`.
type Dispatch = unsafe extern "C" fn(*mut DEVICE_OBJECT, *mut IRP) -> NTSTATUS;

/// `IRP_MJ_CREATE`: a handle is opened. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager.
unsafe extern "C" fn create(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager passes a request that is this driver's.
    let request = unsafe { Request::new(irp) };
    let status = match (request.file(), try_box(Session::new())) {
        (Some(file), Ok(session)) => {
            // SAFETY: the file object is there as long as its handle, and its
            // context is the driver's.
            unsafe { (*file.as_ptr()).FsContext = Box::into_raw(session).cast() };
            NtStatus::SUCCESS
        }
        (None, _) => NtStatus::INVALID_DEVICE_REQUEST,
        (_, Err(status)) => status,
    };
    request.complete(status, 0)
}

/// `IRP_MJ_CLEANUP`: the last handle is closed; requests may still be under way,
/// and end by themselves. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager.
unsafe extern "C" fn cleanup(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager passes a request that is this driver's.
    unsafe { Request::new(irp) }.complete(NtStatus::SUCCESS, 0)
}

/// `IRP_MJ_CLOSE`: nothing is under way through the file any more, and the
/// driver may be unloaded as soon as this is completed. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager.
unsafe extern "C" fn close(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager passes a request that is this driver's.
    let request = unsafe { Request::new(irp) };
    if let Some(session) = request.session() {
        // SAFETY: `create` has put it there, and a file is closed once.
        let session = unsafe { Box::from_raw(session.as_ptr()) };
        session.end(&UNLOAD_GATE);
    }
    request.complete(NtStatus::SUCCESS, 0)
}

/// `IRP_MJ_DEVICE_CONTROL`, in the thread that asks. Another driver may send one
/// without a file, which is refused. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager.
unsafe extern "C" fn device_control(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager passes a request that is this driver's.
    let mut request = unsafe { Request::new(irp) };
    let Some(session) = request.session() else {
        return request.complete(NtStatus::INVALID_DEVICE_REQUEST, 0);
    };
    // SAFETY: `create` has put it there, and `close` comes after this.
    let session = unsafe { session.as_ref() };
    // SAFETY: requests that come through a file come at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    // SAFETY: this is a control request.
    let (code, buffer) = unsafe { request.control() };
    // SAFETY: the request came through this session's file, which `close` ends.
    let (status, length) =
        unsafe { control::handle(code, buffer, &Control, session, &UNLOAD_GATE, &passive) };
    request.complete(status, length)
}

/// A request that this driver has to complete. It is no reference: completing it
/// frees it.
///
/// # Invariants
///
/// Until it is completed, the request and its stack location are valid, and so is
/// its file object, if it has one.
#[must_use = "a request is completed"]
struct Request {
    irp: *mut IRP,
    stack: *const IO_STACK_LOCATION,
}

impl Request {
    /// # Safety
    ///
    /// `irp` is what the I/O manager has passed to a dispatch routine that is
    /// running, and becomes no second `Request`.
    unsafe fn new(irp: *mut IRP) -> Self {
        // What `IoGetCurrentIrpStackLocation` does, which is inline.
        // SAFETY: by this function's contract; a request that is under way has a
        // stack location.
        let tail = unsafe { &(*irp).Tail };
        // SAFETY: as above.
        let overlay = unsafe { &tail.Overlay };
        let place = &overlay.__bindgen_anon_2.__bindgen_anon_1;
        // SAFETY: as above.
        let stack = unsafe { place.CurrentStackLocation };
        Self { irp, stack }
    }

    /// The file through which the request came.
    fn file(&self) -> Option<NonNull<FILE_OBJECT>> {
        // SAFETY: by the invariant.
        NonNull::new(unsafe { (*self.stack).FileObject })
    }

    /// What `create` has put into the file.
    fn session(&self) -> Option<NonNull<Session>> {
        let file = self.file()?;
        // SAFETY: by the invariant.
        let context = unsafe { (*file.as_ptr()).FsContext };
        NonNull::new(context.cast())
    }

    /// The code and the buffer of a control request. All of them use
    /// `METHOD_BUFFERED`; one that does not has no buffer, and an unknown code.
    ///
    /// # Safety
    ///
    /// It is an `IRP_MJ_DEVICE_CONTROL`.
    unsafe fn control(&mut self) -> (u32, Buffer<'_>) {
        const METHOD: u32 = 3;
        // SAFETY: by the invariant, and this function's contract.
        let parameters = unsafe { &(*self.stack).Parameters };
        // SAFETY: as above.
        let parameters = unsafe { &parameters.DeviceIoControl };
        let input = parameters.InputBufferLength as usize;
        let output = parameters.OutputBufferLength as usize;
        // SAFETY: as above.
        let associated = unsafe { (*self.irp).AssociatedIrp };
        // SAFETY: as above.
        let place = unsafe { associated.SystemBuffer };
        let buffered = parameters.IoControlCode & METHOD == 0;
        let bytes = match NonNull::new(place.cast::<MaybeUninit<u8>>()) {
            // SAFETY: with `METHOD_BUFFERED` the I/O manager has allocated the
            // longer of both, and it is this driver's until the request is
            // completed.
            Some(place) if buffered => unsafe {
                slice::from_raw_parts_mut(place.as_ptr(), input.max(output))
            },
            _ => Default::default(),
        };
        // SAFETY: the I/O manager has copied the input there.
        let buffer = unsafe { Buffer::new(bytes, input, output) };
        (parameters.IoControlCode, buffer)
    }

    /// Completes the request with so many bytes of answer; what the dispatch
    /// routine returns. IRQL <= `DISPATCH_LEVEL`.
    fn complete(self, status: NtStatus, length: usize) -> NTSTATUS {
        const IO_NO_INCREMENT: i8 = 0;
        // SAFETY: by the invariant.
        let result = unsafe { &mut (*self.irp).IoStatus };
        result.__bindgen_anon_1.Status = status.0;
        // The same in all builds: `ULONG_PTR`.
        result.Information = length as u64;
        // SAFETY: the request is this driver's, and completed once.
        unsafe { IofCompleteRequest(self.irp, IO_NO_INCREMENT) };
        status.0
    }
}
